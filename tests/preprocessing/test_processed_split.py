"""A processed split on disk is the chosen samples, normalised."""

import numpy as np

from digits.base.files import read_split
from digits.preprocessing.apply import Preprocessing, normalize
from digits.preprocessing.fit import PART
from digits.preprocessing.processed_split import write_processed_split

PREPROCESSING = Preprocessing(
    dataset="mnist",
    class_names=list("0123456789"),
    normalization="standardize",
    mean=33.0,
    std=78.5,
    kept_pixels=[0],
)


def test_split_is_the_chosen_samples_normalised(tmp_path, generator):
    n = PART + 20  # more than are normalised at a time
    images = generator.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    labels = generator.integers(0, 10, n)
    samples = generator.permutation(n)[: PART + 5]
    write_processed_split(tmp_path, images, labels, samples, PREPROCESSING)
    read_images, read_labels = read_split(tmp_path)
    assert np.array_equal(read_images, normalize(images[samples], 33.0, 78.5))
    assert np.array_equal(read_labels, labels[samples])
