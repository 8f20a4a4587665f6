"""What `--try` may say, and that no recipe is drawn that params.yaml could not have."""

import optuna
import pytest
from conftest import ROOT
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from digits.errors import InputError
from digits.training.params import load_params
from digits.tuning.search_space import (
    check_space,
    default_space,
    draw,
    format_space,
    own_point,
    parse_space,
    read_point,
    with_values,
)

PARAMS = load_params(ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=0.001..0.02", FloatDistribution(0.001, 0.02)),
        ("learning_rate=1e-4..0.02:log", FloatDistribution(0.0001, 0.02, log=True)),
        ("l2=0..0.001", FloatDistribution(0, 0.001)),
        ("epochs=1..5", IntDistribution(1, 5)),
        ("batch_size=16..256:log", IntDistribution(16, 256, log=True)),
        ("batch_size=64,128", CategoricalDistribution([64, 128])),
        ("optimizer=sgd", CategoricalDistribution(["sgd"])),
        ("nesterov=true,false", CategoricalDistribution([True, False])),
        ("l2=0.5,1e-3", CategoricalDistribution([0.5, 0.001])),
        ("augmentation=null", CategoricalDistribution([None])),
    ],
)
def test_text_becomes_a_distribution_and_comes_back(text, expected):
    space = parse_space([text])
    assert list(space.values()) == [expected]
    assert parse_space(f"{key}={values}" for key, values in format_space(space).items()) == space


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["learning_rate"], "--try is 'learning_rate'; expected a key of the recipe"),
        (["=1..2"], "--try is '=1..2'; expected a key of the recipe"),
        (["l2=2..1"], "--try is 'l2=2..1': a range goes from a number to a larger one"),
        (["l2=1..1"], "a range goes from a number to a larger one"),
        (["l2=a..b"], "a range goes from a number to a larger one"),
        (["l2=0...inf"], "a range goes from a number to a larger one"),
        (["l2=0..1:log"], "a range with :log begins above 0"),
        (["l2=0..1:lin"], "a range goes from a number to a larger one"),
        (["batch_size=64,,128"], "'' is no single value"),
        (["batch_size=[64"], "is no single value"),
        (["batch_size=64,64"], "a value is there twice"),
        (["l2=0,1", "l2=0..1"], "--try l2=0..1: l2 is tried already"),
        (["augmentation.shift=1,2", "augmentation=null"], "augmentation.shift is tried already"),
    ],
)
def test_bad_text_is_quoted(texts, complaint):
    with pytest.raises(InputError) as caught:
        parse_space(texts)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("run", "texts", "complaint"),
    [
        (
            "torch/mlp",
            ["learning_rat=0.1,0.2"],
            "train_torch.mlp has the unknown key 'learning_rat'; expected: architecture, ",
        ),
        (
            "torch/mlp",
            ["augmentation.rotate=1,2"],
            "train_torch.mlp.augmentation has the unknown key 'rotate'",
        ),
        (
            "torch/mlp",
            ["learning_rate.x=1,2"],
            "train_torch.mlp.learning_rate is {'x': 1}; expected a valid number",
        ),
        (
            "torch/mlp",
            ["optimizer=adam,adm"],
            "train_torch.mlp.optimizer is 'adm'; expected one of: sgd, adam",
        ),
        (
            "torch/mlp",
            ["learning_rate=0..0.1"],
            "train_torch.mlp.learning_rate is 0.0; expected greater than 0",
        ),
        ("torch/mlp", ["epochs=1.5..3"], "train_torch.mlp.epochs is 1.5; expected a valid integer"),
        ("torch/mlp", ["batch_size=64..large"], "a range goes from a number"),
        (
            "torch/mlp",
            ["momentum=0.5..0.9"],
            "train_torch.mlp has momentum, which adam does not use",
        ),
        ("torch/mlp", ["optimizer=sgd,adam"], "train_torch.mlp lacks momentum, which sgd needs"),
        (
            "torch/mlp",
            ["architecture=mlp_512_256,nope"],
            "train_torch.mlp.architecture is 'nope'; expected one of: cnn",
        ),
        (
            "scratch/mlp",
            ["nesterov=true,false", "momentum=0,0.9"],
            "has nesterov, which needs sgd with a momentum above 0",
        ),
    ],
)
def test_values_that_params_yaml_might_not_have_are_refused(run, texts, complaint):
    with pytest.raises(InputError) as caught:
        check_space(PARAMS, *run.split("/"), parse_space(texts))
    assert complaint in str(caught.value)


def test_nested_values_join_the_recipe_and_the_others_stay():
    space = parse_space(["augmentation.rotation=0..15", "learning_rate=0.001..0.01"])
    point = {"augmentation.rotation": 7, "learning_rate": 0.002}
    recipe = with_values(PARAMS, "torch", "cnn", point, space).recipe("torch", "cnn")
    assert (recipe.augmentation.rotation, recipe.augmentation.shift, recipe.learning_rate) == (
        7,
        0,
        0.002,
    )
    assert recipe.model_dump(exclude={"augmentation", "learning_rate"}) == PARAMS.recipe(
        "torch", "cnn"
    ).model_dump(exclude={"augmentation", "learning_rate"})


def test_an_optimizer_draws_only_what_it_uses():
    space = parse_space(["momentum=0.5..0.9", "optimizer=sgd,adam", "learning_rate=0.001..0.1:log"])
    check_space(PARAMS, "torch", "mlp", space)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(20):
        point = draw(study.ask(), PARAMS, "torch", "mlp", space)
        recipe = with_values(PARAMS, "torch", "mlp", point, space).recipe("torch", "mlp")
        assert ("momentum" in point) == (recipe.momentum is not None) == (recipe.optimizer == "sgd")
        seen.add(recipe.optimizer)
    assert seen == {"sgd", "adam"}


def test_floats_have_four_digits_and_stay_in_their_range():
    space = parse_space(["learning_rate=0.00123444..0.5"])
    assert read_point({"learning_rate": 0.0123456789}, space) == {"learning_rate": 0.01235}
    assert read_point({"learning_rate": 0.00123444}, space) == {"learning_rate": 0.00123444}


def test_default_space_is_around_the_run_and_names_what_to_do_where_there_is_none():
    space = default_space(PARAMS.recipe("torch", "cnn"), "train_torch.cnn")
    assert format_space(space) == {"learning_rate": "0.0015..0.024:log", "batch_size": "64,128,256"}
    assert own_point(PARAMS.recipe("torch", "cnn"), space) == {
        "learning_rate": 0.006,
        "batch_size": 128,
    }
    with pytest.raises(
        InputError,
        match=r"train_scratch.mlp_sigmoid has no learning_rate; say what to try, as in --try l2=",
    ):
        default_space(PARAMS.recipe("scratch", "mlp_sigmoid"), "train_scratch.mlp_sigmoid")


def test_own_values_outside_the_space_are_left_out():
    space = parse_space(
        [
            "learning_rate=0.01..0.1",
            "batch_size=1..500",
            "optimizer=sgd",
            "momentum=0.1..0.9",
            "augmentation.shift=0..2",
        ]
    )
    assert own_point(PARAMS.recipe("torch", "cnn"), space) == {"batch_size": 128}
