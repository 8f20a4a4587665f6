"""The 1,797 small digits that scikit-learn ships, converted to MNIST's form.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998, CC BY 4.0.
"""

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from digits.datasets.source import DIGIT_NAMES, Source

N_TEST = 300


def read_uci_digits() -> Source:
    """Return the digits; the last 300 are the test set.

    Their 8 x 8 pixels, from 0 to 16, are enlarged to 20 x 20 in a field of 28 x 28, as in MNIST.
    """
    digits = load_digits()
    enlarged = zoom(digits.images * (255 / 16), (1, 2.5, 2.5), order=1)
    boxes = enlarged.round().clip(0, 255).astype(np.uint8)
    images = np.pad(boxes, ((0, 0), (4, 4), (4, 4)))
    labels = digits.target.astype(np.uint8)
    train, test = slice(None, -N_TEST), slice(-N_TEST, None)
    splits = {"train": (images[train], labels[train]), "test": (images[test], labels[test])}
    return Source(DIGIT_NAMES, splits)
