"""Pruned pixels are counted, and their statistics are NumPy's."""

import numpy as np

from digits.reporting.figures.pruned_pixels import mean_and_std, plot_pruned_pixels
from tests.support.figures import texts


def test_pruned_pixels_are_counted(generator):
    images = generator.random((12, 28, 28), dtype=np.float32)
    assert "484 of 784" in texts(plot_pruned_pixels(images, range(300), "MNIST"))


def test_mean_and_std_are_numpys_over_all_parts(generator):
    images = generator.random((2500, 28, 28), dtype=np.float32)
    mean, std = mean_and_std(images)
    # Part - mean is float64, the part float32.
    np.testing.assert_allclose(mean, images.mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(std, images.std(axis=0, dtype=np.float64), rtol=1e-6)
