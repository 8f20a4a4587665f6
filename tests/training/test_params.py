"""A recipe has the keys that its optimizer uses, and no others."""

import pytest
from pydantic import ValidationError

from digits.training.params import RECIPE_TYPES, Augmentation, Recipe, ScratchRecipe

ADAM = {
    "architecture": "mlp", "initializer": "he", "optimizer": "adam", "epochs": 1,
    "batch_size": 64, "learning_rate": 0.01, "schedule": "cosine",
}  # fmt: skip
WHOLE = {"architecture": "mlp", "initializer": "he", "optimizer": "l_bfgs", "epochs": 1}


def test_what_is_absent_is_not_used():
    recipe = Recipe.model_validate(ADAM)
    assert (recipe.momentum, recipe.nesterov, recipe.l2, recipe.label_smoothing) == (None, 0, 0, 0)
    assert (recipe.pixels, recipe.augmentation) == ("all", None)


@pytest.mark.parametrize("key", ["batch_size", "learning_rate", "schedule", "epochs"])
def test_descent_needs_its_keys(key):
    values = {name: value for name, value in ADAM.items() if name != key}
    with pytest.raises(ValidationError, match=r"lacks|required"):
        Recipe.model_validate(values)


@pytest.mark.parametrize(
    ("key", "value"),
    [("batch_size", 64), ("learning_rate", 0.1), ("augmentation", {"shift": 1.0})],
)
def test_a_minimizer_takes_no_keys_of_descent(key, value):
    with pytest.raises(ValidationError, match=f"has {key}, which l_bfgs does not use"):
        ScratchRecipe.model_validate(WHOLE | {key: value})


@pytest.mark.parametrize("framework", ["torch", "tf"])
def test_only_the_engine_has_minimizers(framework):
    ScratchRecipe.model_validate(WHOLE)
    with pytest.raises(ValidationError, match="l_bfgs is for scratch only"):
        RECIPE_TYPES[framework].model_validate(WHOLE)


def test_adam_has_no_momentum():
    with pytest.raises(ValidationError, match="has momentum, which adam does not use"):
        Recipe.model_validate(ADAM | {"momentum": 0.9})


@pytest.mark.parametrize(
    "values",
    [{"rotation": 181}, {"shift": -1}, {"scale": 2}, {"shear": 80}, {"elastic": 15}, {"turn": 1}],
)
def test_augmentation_has_bounds(values):
    with pytest.raises(ValidationError):
        Augmentation.model_validate(values)
