"""First-layer filters are the weights, at the pixels they belong to."""

import numpy as np

from digits.reporting.figures.filters import first_layer_filters
from tests.support.models import make_model


def test_filters_of_a_convolution_are_its_kernels():
    model = make_model(
        [{"conv": {"filters": 4, "kernel_size": 3}}, "flatten", {"dense": {"units": 3}}]
    )
    filters = first_layer_filters(model)
    assert filters.shape == (4, 3, 3)
    assert np.array_equal(filters[1], model.weights["0_conv.W"][:, :, 0, 1])


def test_filters_of_a_dense_layer_lie_where_its_pixels_were():
    filters = first_layer_filters(make_model([{"dense": {"units": 2}}], "kept", kept=30))
    assert filters.shape == (2, 28, 28)
    assert filters[1].ravel()[:30].tolist() == list(range(1, 60, 2))
    assert np.isnan(filters[1].ravel()[30:]).all()
