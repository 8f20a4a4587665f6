"""Preprocess: fit to the training split, and apply the result to images."""
