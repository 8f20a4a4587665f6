"""What every source of images returns, and the error of a source that cannot be reached.

Images are uint8 (n, 28, 28), upright; 0 is background and 255 is ink. Labels are uint8 (n,), from
0 to 9.
"""

from typing import NamedTuple

import numpy as np

from digits.errors import InputError

TIMEOUT_SECONDS = 30  # without a byte from the server
DIGIT_NAMES = [str(digit) for digit in range(10)]
# How many images of each digit MNIST has.
TRAIN_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
TEST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
MNIST_COUNTS = {"train": TRAIN_COUNTS, "test": TEST_COUNTS}

Samples = tuple[np.ndarray, np.ndarray]  # images and labels


class Unreachable(InputError):
    """No address has the data set. The text has the answer of each address."""


class Source(NamedTuple):
    """A data set: the names of its classes, and (images, labels) for train and test."""

    class_names: list[str]
    splits: dict[str, Samples]
