"""Two published MNIST recipes, rewritten from their settings.

Each trains with the usual tools of its framework. Images are MNIST's own, uint8 (n, 28, 28), and
labels int64 (n,). Both functions yield the seconds and the test accuracy of each epoch of the
recipe. The seconds are those of training alone: the clock stops while the test set is scored.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

Split = tuple[np.ndarray, np.ndarray]
Epochs = Iterator[tuple[float, float]]  # seconds and test accuracy of each epoch


def train_pytorch_example(train: Split, test: Split, seed: int, threads: int) -> Epochs:
    """The settings of pytorch/examples, mnist/main.py, on a CPU, where it does not shuffle.

    A DataLoader prepares image by image; Adadelta trains for 14 epochs.
    """
    import torch
    from PIL import Image
    from torch import nn
    from torch.nn import functional
    from torch.utils.data import DataLoader, Dataset

    # Import it before torchvision's transforms: it declares what their import needs.
    import digits.datasets.torchvision_datasets  # isort: skip # noqa: F401
    from torchvision import transforms

    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    )

    class Digits(Dataset[tuple[torch.Tensor, int]]):
        """Images as torchvision's MNIST gives them: Pillow's, transformed at each access."""

        def __init__(self, split: Split):
            self.images, self.labels = split[0], split[1].tolist()

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return transform(Image.fromarray(self.images[index])), self.labels[index]

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()]
    flat = [nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten()]
    dense = [nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)]
    network = nn.Sequential(*convolutions, *flat, *dense, nn.LogSoftmax(dim=1))
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    batches = DataLoader(Digits(train), batch_size=64)
    test_batches = DataLoader(Digits(test), batch_size=1000)
    for _ in range(14):
        started = time.perf_counter()
        network.train()
        for x, y in batches:
            optimizer.zero_grad()
            functional.nll_loss(network(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        scheduler.step()
        seconds = time.perf_counter() - started
        network.eval()
        with torch.no_grad():
            n_right = sum(int((network(x).argmax(dim=1) == y).sum()) for x, y in test_batches)
        yield seconds, n_right / len(test[1])


def train_keras_example(train: Split, test: Split, seed: int, threads: int) -> Epochs:
    """The settings of Keras' example mnist_convnet.

    `fit` trains with Adam for 15 epochs, with a tenth of the images for validation.
    """
    import keras
    import tensorflow as tf
    from keras import layers

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    keras.utils.set_random_seed(seed)
    x_train, x_test = (images[..., None].astype(np.float32) / 255 for images in (train[0], test[0]))
    y_train, y_test = (keras.utils.to_categorical(labels, 10) for labels in (train[1], test[1]))
    convolutions = [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
    ]
    dense = [layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")]
    network = keras.Sequential([keras.Input((28, 28, 1)), *convolutions, *dense])
    network.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        """Measures an epoch until its validation begins."""

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.started, self.seconds = time.perf_counter(), 0.0

        def on_test_begin(self, logs: Any = None) -> None:
            # The first evaluation of an epoch is that of the validation split.
            self.seconds = self.seconds or time.perf_counter() - self.started

    clock = Clock()
    options = {"batch_size": 128, "validation_split": 0.1, "callbacks": [clock], "verbose": 0}
    for epoch in range(15):
        network.fit(x_train, y_train, initial_epoch=epoch, epochs=epoch + 1, **options)
        yield clock.seconds, network.evaluate(x_test, y_test, verbose=0)[1]
