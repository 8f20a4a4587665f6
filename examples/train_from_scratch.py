"""Train a small convolutional network with digits/scratch alone, on 1,797 digits of 8 x 8 pixels.

Run `python examples/train_from_scratch.py` at the root of the project; it downloads nothing.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

sys.path.insert(0, ".")
from digits.scratch.initializers import he
from digits.scratch.layers import Conv, Dense, Flatten, MaxPool, Relu
from digits.scratch.network import Network
from digits.scratch.optimizers import SGD
from digits.scratch.train import Batches, Observer, descend

generator = np.random.default_rng(0)
x, labels = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8, 1).astype(np.float32) / 16  # 0 is background, 1 is ink
train, validation = np.split(generator.permutation(len(x)), [1500])

conv = {"W": he((3, 3, 1, 16), generator), "b": np.zeros(16, np.float32)}
dense = {"W": he((4 * 4 * 16, 10), generator), "b": np.zeros(10, np.float32)}
layers = [Conv(), Relu(), MaxPool(2), Flatten(), Dense()]
network = Network(layers, [conv, {}, {}, {}, dense])


class PrintAccuracy(Observer):
    def after_epoch(self, epoch: int) -> None:
        right = network.logits(x[validation]).argmax(axis=1) == labels[validation]
        print(f"epoch {epoch}: validation accuracy {right.mean():.1%}")


epochs = []
for epoch in range(1, 11):
    order = generator.permutation(train)
    epochs.append((epoch, [(samples, 0.1) for samples in np.split(order, 30)]))
descend(Batches(network, x, labels), SGD(0.9), epochs, PrintAccuracy(), l2=0.001, seed=0)
