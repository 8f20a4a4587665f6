"""scikit-learn's small digits have MNIST's form."""

import numpy as np

from digits.datasets.uci_digits import read_uci_digits


def test_uci_digits_are_in_mnists_form():
    source = read_uci_digits()
    images, labels = source.splits["train"]
    assert (images.shape, images.dtype, labels.shape) == ((1497, 28, 28), np.uint8, (1497,))
    assert images.max() == 255
    assert not images[:, :4].any()
    assert not images[:, :, 24:].any()
    assert len(source.splits["test"][1]) == 300
