"""Digit classifiers in PyTorch, TensorFlow and NumPy, and the pipeline that compares them."""
