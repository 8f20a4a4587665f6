"""The frameworks: mirrored packages, one per framework, each with network.py, fit.py and
distributed.py.
"""
