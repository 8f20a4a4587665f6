"""The network's gradient against central differences, and its flat vector of parameters."""

import numpy as np
import pytest

from digits.scratch.layers import Conv, Dense, Flatten, MaxPool, Relu, Sigmoid
from digits.scratch.network import Network


@pytest.fixture
def network(generator) -> Network:
    """float64, on 6 x 6 images: conv, relu, max_pool, flatten, dense, sigmoid, dense."""
    arrays = [
        {"W": generator.normal(size=(3, 3, 1, 2)), "b": generator.normal(size=2)}, {}, {}, {},
        {"W": generator.normal(size=(18, 5)), "b": generator.normal(size=5)}, {},
        {"W": generator.normal(size=(5, 3)), "b": generator.normal(size=3)},
    ]  # fmt: skip
    return Network([Conv(), Relu(), MaxPool(2), Flatten(), Dense(), Sigmoid(), Dense()], arrays)


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_gradient_matches_central_differences(network, l2, generator):
    x, labels = generator.normal(size=(7, 6, 6, 1)), generator.integers(0, 3, 7)
    gradient = np.empty_like(network.parameters)
    network.gradient(x, labels, 7, None, network.views(gradient))
    network.add_penalty_gradient(gradient, l2)
    h = 1e-6
    for index in range(len(network.parameters)):
        value = network.parameters[index]
        losses = []
        for moved in (value + h, value - h):
            network.parameters[index] = moved
            losses.append(
                network.gradient(x, labels, 7, None, network.views(np.empty_like(gradient)))[0]
                + network.penalty(l2)
            )
        network.parameters[index] = value
        # Rounding of a loss of about 1 over 2h leaves 1e-10; the rest is room for the second
        # difference.
        assert gradient[index] == pytest.approx(
            (losses[0] - losses[1]) / (2 * h), rel=1e-6, abs=1e-8
        )


def test_layers_are_views_of_the_flat_vector(network):
    assert len(network.parameters) == 9 * 2 + 2 + 18 * 5 + 5 + 5 * 3 + 3
    network.parameters[:] = 0
    network.parameters[-3:] = [1, 2, 3]
    assert network.layers[-1].b.tolist() == [1, 2, 3]
    assert network.logits(np.ones((1, 6, 6, 1))).tolist() == [[1, 2, 3]]


def test_multiplications_are_counted_as_by_hand(network):
    # conv: 36 places times 18 values; dense: one for each value
    assert network.count_multiplications(np.zeros((5, 6, 6, 1))) == 36 * 18 + 90 + 15


def test_predictions_are_probabilities(network, generator):
    probabilities = network.predict(generator.normal(size=(20, 6, 6, 1)))
    assert probabilities.shape == (20, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)  # float64


def test_network_copies_the_arrays_it_is_given(generator):
    W = generator.normal(size=(2, 2))
    network = Network([Dense()], [{"W": W, "b": np.zeros(2)}])
    network.parameters[:] = 0
    assert W.any()
