"""A neural network in NumPy and SciPy alone, to be read: layers, loss, network, optimizers, in this
order.

Conventions: x is a layer's input, y its output, d_x the gradient of the loss in x; samples are
along the first axis; images are (n, height, width, channels). It knows nothing of MNIST, of
params.yaml or of DVC.
"""
