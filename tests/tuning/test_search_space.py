"""What `--try` may say: its text, the distribution that it describes, and the errors."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from digits.errors import InputError
from digits.training.run import load_run
from digits.tuning.search_space import (
    corners,
    default_space,
    format_space,
    own_point,
    parse_space,
    read_point,
)
from tests.support.paths import SMALL_PARAMS

CNN = load_run("torch", "cnn_small", SMALL_PARAMS)


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
        (["l2=2..1"], "--try is 'l2=2..1': a range needs a number and a larger number"),
        (["l2=1..1"], "a range needs a number and a larger number"),
        (["l2=a..b"], "a range needs a number and a larger number"),
        (["l2=0...inf"], "a range needs a number and a larger number"),
        (["l2=0..1:log"], "a range with :log must start above 0"),
        (["l2=0..1:lin"], "a range needs a number and a larger number"),
        (["batch_size=64,,128"], "'' is not a single value"),
        (["batch_size=[64"], "is not a single value"),
        (["batch_size=64,64"], "a value occurs twice"),
        (["l2=0,1", "l2=0..1"], "--try is 'l2=0..1': it overlaps l2; name each key once"),
        (["augmentation.shift=1,2", "augmentation=null"], "it overlaps augmentation.shift; name"),
    ],
)
def test_bad_text_is_quoted(texts, complaint):
    with pytest.raises(InputError) as caught:
        parse_space(texts)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_floats_have_four_digits_and_stay_in_their_range():
    space = parse_space(["learning_rate=0.00123444..0.5"])
    assert read_point({"learning_rate": 0.0123456789}, space) == {"learning_rate": 0.01235}
    assert read_point({"learning_rate": 0.00123444}, space) == {"learning_rate": 0.00123444}


def test_the_corners_are_all_combinations_of_ends_and_choices():
    space = parse_space(["l2=0.0..0.1", "batch_size=16,32"])
    found = [(point["l2"], point["batch_size"]) for point in corners(space)]
    assert found == [(0.0, 16), (0.0, 32), (0.1, 16), (0.1, 32)]


def test_the_default_space_is_around_the_run():
    space = default_space(CNN.recipe, "train_torch.cnn_small")
    assert format_space(space) == {"learning_rate": "0.001..0.016:log", "batch_size": "32,64,128"}
    assert own_point(CNN.recipe, space) == {"learning_rate": 0.004, "batch_size": 64}


def test_a_batch_size_of_one_is_not_halved():
    recipe = CNN.recipe.model_copy(update={"batch_size": 1})
    assert format_space(default_space(recipe, "-"))["batch_size"] == "1,2"


def test_a_run_without_a_learning_rate_has_no_default_space():
    where = "train_scratch.mlp_sigmoid"
    message = f"{where} has no learning_rate; name what to try, such as --try l2="
    with pytest.raises(InputError, match=message):
        default_space(load_run("scratch", "mlp_sigmoid", SMALL_PARAMS).recipe, where)


def test_own_values_outside_the_space_are_left_out():
    texts = [
        "learning_rate=0.01..0.1",
        "batch_size=1..500",
        "optimizer=sgd",
        "momentum=0.1..0.9",
        "augmentation.shift=0..2",
    ]
    assert own_point(CNN.recipe, parse_space(texts)) == {"batch_size": 64}
