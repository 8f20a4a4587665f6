"""The names that readers see for the data sets and the frameworks of params.yaml."""

DATASETS = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "Kuzushiji-MNIST",
    "emnist_digits": "EMNIST digits",
    "uci_digits": "UCI digits",
    "synthetic": "synthetic digits (not MNIST)",
}
FRAMEWORKS = {"torch": "PyTorch", "tf": "TensorFlow", "scratch": "NumPy engine"}
