"""The library of the pipeline: nouns, importable without PyTorch or TensorFlow."""
