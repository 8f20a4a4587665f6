"""One module for each logger of other projects. `digits.training.logger` loads them by name.

So no stage's fingerprint has them: no logger changes an output.
"""
