"""The frameworks: one package each, with the same files network.py, fit.py and distributed.py."""
