"""A neural network in NumPy and SciPy alone, written to be read.

Read the chapters in this order: `layers`, `losses`, `network`, `initializers` (where a training
starts), `optimizers`, `train`. Then `fast`: the same numbers, several times as fast. The engine
knows nothing of MNIST, of params.yaml or of DVC; `examples/train_from_scratch.py` shows it alone.

Conventions: x is a layer's input, y its output, and d_x the gradient of the loss in x. The first
axis counts samples. Images are (n, height, width, channels).
"""
