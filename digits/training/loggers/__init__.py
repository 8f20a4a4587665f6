"""One module for each third-party logger. `digits.training.logger` loads them by name.

They are in no stage's fingerprint, because no logger changes an output.
"""
