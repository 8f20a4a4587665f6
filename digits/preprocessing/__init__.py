"""Preprocess: what is decided on the training split, and how it is applied to images."""
