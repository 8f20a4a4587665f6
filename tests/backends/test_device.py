"""Training on a GPU gives what the CPU gives, up to float32 rounding.

Without a GPU these tests are skipped. They have not run on one so far.
"""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import tensorflow as tf
import torch

from digits.backends.torch.network import as_tensor, build
from digits.errors import InputError
from digits.training.backend import load_backend
from digits.training.recorder import Recorder
from digits.training.team import Team
from tests.support.networks import (
    ALIKE_IN_TRAINING,
    ALL_LAYERS,
    WITHOUT_DROPOUT,
    assert_weights_match,
    weights_of,
)
from tests.support.trainings import SGD, make_run, make_training

HAS_CUDA = {"torch": torch.cuda.is_available(), "tf": bool(tf.config.list_physical_devices("GPU"))}
PARAMETERS = []
for framework, has_cuda in HAS_CUDA.items():
    mark = pytest.mark.skipif(not has_cuda, reason=f"{framework} finds no GPU")
    PARAMETERS.append(pytest.param(framework, marks=mark))
on_gpu = pytest.mark.parametrize("framework", PARAMETERS)
ADAM = SGD.model_copy(
    update={"optimizer": "adam", "momentum": None, "learning_rate": 0.01, "schedule": "cosine"}
)


def network_of(framework):
    return import_module(f"digits.backends.{framework}.network")


class StateRecorder(Recorder):
    """Keeps the latest state, and measures nothing."""

    def __init__(self, recipe, n_samples):
        super().__init__(make_run(recipe), n_samples, lambda weights: (0.0, 0.0))

    def epoch(self, weights, state=None):
        super().epoch(weights, state)
        self.state = state


def fit(framework, device, training):
    """Train on a device; return the weights and the state after the last epoch."""
    recorder = StateRecorder(training.recipe, len(training.images))
    team = Team(device=network_of(framework).find_device(device))
    # A generator of epochs serves one training only.
    epochs = iter(training.epochs)
    load_backend(framework).fit(replace(training, epochs=epochs, team=team), recorder)
    return recorder.weights, recorder.state


def make(layers, images, labels, recipe):
    training = make_training(layers, weights_of(layers), (images, labels), recipe)
    return replace(training, epochs=list(training.epochs))


@on_gpu
def test_one_plain_sgd_step_gives_the_same_weights_as_torch_on_the_cpu(framework, images, labels):
    recipe = SGD.model_copy(update={"batch_size": 40, "l2": 0.01})
    training = make(WITHOUT_DROPOUT, images, labels, recipe)
    expected, _ = fit("torch", "cpu", training)
    found, _ = fit(framework, "cuda", training)
    # As between frameworks: float32, TF32 switched off.
    assert_weights_match(found, expected, rtol=1e-4, atol=5e-6)


@on_gpu
def test_an_epoch_follows_torch_on_the_cpu_until_rounding_parts_them(framework, images, labels):
    training = make(ALIKE_IN_TRAINING, images, labels, ADAM)
    expected, _ = fit("torch", "cpu", training)
    found, _ = fit(framework, "cuda", training)
    assert_weights_match(found, expected, rtol=1e-2, atol=2e-3)  # as between frameworks


@on_gpu
def test_training_resumes_from_its_state(framework, images, labels):
    training = make(ALL_LAYERS, images, labels, ADAM)
    weights, state = fit(framework, "cuda", training)
    resumed = replace(training, weights=weights, state=state)
    first, again = (fit(framework, "cuda", resumed)[0] for _ in range(2))
    assert_weights_match(first, again, rtol=1e-4, atol=5e-6)


@pytest.mark.skipif(not HAS_CUDA["torch"], reason="torch finds no GPU")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_torch_gives_the_same_logits(images):
    network = build(ALL_LAYERS, weights_of(ALL_LAYERS), images.shape[1:]).eval()
    network_of("torch").find_device("cuda")
    with torch.inference_mode():
        expected = network(as_tensor(images)).numpy()
        found = network.cuda()(as_tensor(images).cuda()).cpu().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)  # float32


@pytest.mark.parametrize("framework", HAS_CUDA)
def test_a_missing_gpu_is_one_line_and_auto_does_without(framework):
    if HAS_CUDA[framework]:
        pytest.skip("there is a GPU")
    find_device = network_of(framework).find_device
    expected = (
        r"device is 'cuda', but this .* finds no GPU; "
        "expected a GPU and a build for CUDA, or device: cpu"
    )
    with pytest.raises(InputError, match=expected):
        find_device("cuda")
    assert find_device("auto") == find_device("cpu") == "cpu"


@pytest.mark.parametrize("framework", [*HAS_CUDA, "scratch"])
def test_the_cpu_has_its_plain_name(framework):
    assert load_backend(framework).name_device("cpu") == "cpu"
