"""What trains on a GPU gives what the CPU gives, to float32 rounding. No GPU has been at hand so
far: there, these tests were skipped.
"""

import numpy as np
import pytest
import tensorflow as tf
import torch
from test_backends import (
    ALIKE_IN_TRAINING,
    ALL_LAYERS,
    SGD,
    THREADS,
    WITHOUT_DROPOUT,
    assert_weights_match,
    weights_of,
)

from digits.backends.scratch import network as backend_scratch
from digits.backends.tf import network as backend_tf
from digits.backends.torch import network as backend_torch
from digits.errors import InputError
from digits.training.loop import Recorder
from digits.training.schedule import plan_epochs
from digits.training.team import Team

HAS_CUDA = {"torch": torch.cuda.is_available(), "tf": bool(tf.config.list_physical_devices("GPU"))}
BACKENDS = {"torch": backend_torch, "tf": backend_tf}
on_gpu = pytest.mark.parametrize(
    "backend",
    [
        pytest.param(
            BACKENDS[name],
            id=name,
            marks=pytest.mark.skipif(not HAS_CUDA[name], reason=f"{name} finds no GPU"),
        )
        for name in BACKENDS
    ],
)
ADAM = SGD.model_copy(
    update={"optimizer": "adam", "momentum": None, "learning_rate": 0.01, "schedule": "cosine"}
)


def fit(backend, architecture, images, labels, recipe, device, state=None, weights=None):
    recorder = Recorder("test", recipe.epochs, len(images), lambda _: (0.0, 0.0))
    kept = []
    recorder.record = lambda *arguments: kept.append(arguments[-1])  # the state
    options = {
        "recipe": recipe,
        "epochs": plan_epochs(recipe, len(images), 0),
        "seed": 0,
        "threads": THREADS,
        "recorder": recorder,
        "state": state,
    }
    start = weights or weights_of(architecture)
    backend.fit(
        architecture,
        start,
        images,
        labels,
        team=Team(device=backend.find_device(device)),
        **options,
    )
    return recorder.weights, kept[-1]


@on_gpu
def test_one_plain_sgd_step_gives_the_same_weights_as_torch_on_the_cpu(backend, images, labels):
    recipe = SGD.model_copy(update={"batch_size": 40, "l2": 0.01})
    expected, _ = fit(backend_torch, WITHOUT_DROPOUT, images, labels, recipe, "cpu")
    found, _ = fit(backend, WITHOUT_DROPOUT, images, labels, recipe, "cuda")
    # As between frameworks: float32, TF32 switched off.
    assert_weights_match(found, expected, rtol=1e-4, atol=5e-6)


@on_gpu
def test_an_epoch_follows_torch_on_the_cpu_until_rounding_parts_them(backend, images, labels):
    expected, _ = fit(backend_torch, ALIKE_IN_TRAINING, images, labels, ADAM, "cpu")
    found, _ = fit(backend, ALIKE_IN_TRAINING, images, labels, ADAM, "cuda")
    assert_weights_match(found, expected, rtol=1e-2, atol=2e-3)  # as between frameworks


@on_gpu
def test_training_goes_on_from_its_state(backend, images, labels):
    weights, state = fit(backend, ALL_LAYERS, images, labels, ADAM, "cuda")
    first, again = (
        fit(backend, ALL_LAYERS, images, labels, ADAM, "cuda", state, weights)[0] for _ in range(2)
    )
    assert_weights_match(first, again, rtol=1e-4, atol=5e-6)


@pytest.mark.skipif(not HAS_CUDA["torch"], reason="torch finds no GPU")
def test_torch_gives_the_same_logits(images):
    network = backend_torch.build(ALL_LAYERS, weights_of(ALL_LAYERS), images.shape[1:]).eval()
    backend_torch.find_device("cuda")
    with torch.inference_mode():
        expected = network(backend_torch.as_tensor(images)).numpy()
        found = network.cuda()(backend_torch.as_tensor(images).cuda()).cpu().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)  # float32


@pytest.mark.parametrize("name", BACKENDS)
def test_a_gpu_that_is_not_there_is_refused_in_one_line_and_not_missed_by_auto(name):
    if HAS_CUDA[name]:
        pytest.skip("there is a GPU")
    with pytest.raises(
        InputError,
        match=r"device is 'cuda', but this .* finds no GPU; expected a GPU and a build for CUDA, or device: cpu",
    ):
        BACKENDS[name].find_device("cuda")
    assert BACKENDS[name].find_device("auto") == BACKENDS[name].find_device("cpu") == "cpu"
    assert BACKENDS[name].name_device("cpu") == "cpu"


def test_scratch_knows_the_cpu_alone():
    assert backend_scratch.name_device("cpu") == "cpu"
