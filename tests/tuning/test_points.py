"""The run that has a point's values, and what params.yaml could not have."""

import pytest

from digits.errors import InputError
from digits.training.run import load_run
from digits.tuning.points import format_point, load_architectures, value_at, with_values
from tests.support.paths import SMALL_PARAMS

CNN = load_run("torch", "cnn_small", SMALL_PARAMS)
ARCHITECTURES = load_architectures(SMALL_PARAMS)


def test_nested_values_join_the_recipe_and_the_others_stay():
    point = {"augmentation.rotation": 7, "learning_rate": 0.002}
    recipe = with_values(CNN, point, ARCHITECTURES).recipe
    assert (recipe.augmentation.rotation, recipe.augmentation.shift) == (7, 0)
    assert recipe.learning_rate == 0.002
    others = {"augmentation", "learning_rate"}
    assert recipe.model_dump(exclude=others) == CNN.recipe.model_dump(exclude=others)


def test_another_architecture_brings_its_layers():
    run = with_values(CNN, {"architecture": "cnn_batch_norm"}, ARCHITECTURES)
    assert run.architecture == "cnn_batch_norm"
    assert run.layers == ARCHITECTURES["cnn_batch_norm"] != CNN.layers
    assert (run.title, run.seed, run.threads) == (CNN.title, CNN.seed, CNN.threads)


def test_an_architecture_that_does_not_fit_is_refused():
    point = {"pixels": "kept"}
    with pytest.raises(
        InputError, match=r"--try: architectures\.cnn_small\[0\].*\(run train_torch\.cnn_small\)"
    ):
        with_values(CNN, point, ARCHITECTURES)


def test_a_value_that_params_yaml_could_not_have_is_refused():
    message = r"^--try: train_torch\.cnn_small\.epochs is 0; expected greater than 0$"
    with pytest.raises(InputError, match=message):
        with_values(CNN, {"epochs": 0}, ARCHITECTURES)


def test_keys_that_the_optimizer_does_not_use_can_be_dropped():
    point = {"optimizer": "adam", "momentum": 0.9}
    with pytest.raises(InputError, match="has momentum, which adam does not use"):
        with_values(CNN, point, ARCHITECTURES)
    run = with_values(CNN, point, ARCHITECTURES, drop_unused=True)
    assert run.recipe.momentum is None


def test_a_faulty_architecture_is_named():
    data = {"architectures": {"cnn": [{"conv": {"filters": 0, "kernel_size": 3}}]}}
    with pytest.raises(InputError, match=r"params.yaml: architectures\.cnn\[0\]\.conv\.filters"):
        load_architectures(data=data)


def test_values_are_written_as_yaml_has_them():
    point = {"nesterov": True, "augmentation": None, "l2": 1e-05, "optimizer": "sgd"}
    assert format_point(point) == "nesterov true, augmentation null, l2 1e-05, optimizer sgd"


def test_a_value_behind_a_missing_mapping_is_none():
    assert value_at(CNN.recipe, "augmentation.shift") is None
    assert value_at(CNN.recipe, "epochs") == CNN.recipe.epochs
