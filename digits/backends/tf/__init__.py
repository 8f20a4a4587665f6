"""TensorFlow and Keras."""

import os

# Warnings and errors only. It must be set before TensorFlow is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
