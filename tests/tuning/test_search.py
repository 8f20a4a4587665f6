"""A search draws only what params.yaml could have, and knows what makes it the same search."""

import json
from dataclasses import replace

import numpy as np
import optuna
import pytest

from digits.errors import InputError
from digits.training.loop import TrainingData
from digits.training.run import load_run
from digits.tuning.points import load_architectures
from digits.tuning.search import Search, check_search, draw, identify
from digits.tuning.search_space import parse_space
from tests.support.models import make_preprocessing
from tests.support.paths import SMALL_PARAMS

ARCHITECTURES = load_architectures(SMALL_PARAMS)


def make_search(title: str, *texts: str) -> Search:
    """Return the search of a run in params.yaml for a space."""
    return Search(load_run(*title.split("/"), SMALL_PARAMS), parse_space(texts), ARCHITECTURES)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("learning_rat=0.1,0.2", " has the unknown key 'learning_rat'; expected: architecture, "),
        ("augmentation.rotate=1,2", ".augmentation has the unknown key 'rotate'"),
        ("learning_rate.x=1,2", ".learning_rate is {'x': 1}; expected a valid number"),
        ("optimizer=adam,adm", ".optimizer is 'adm'; expected one of: sgd, adam"),
        ("optimizer=adam,l_bfgs", ".optimizer is 'l_bfgs'; expected one of: sgd, adam (l_bfgs is"),
        ("learning_rate=0..0.1", ".learning_rate is 0.0; expected greater than 0"),
        ("epochs=1.5..3", ".epochs is 1.5; expected a valid integer"),
        ("momentum=0.5..0.9", " has momentum, which adam does not use"),
        ("optimizer=sgd,adam", " lacks momentum, which sgd needs"),
        ("architecture=mlp,nope", ".architecture is 'nope'; expected one of: cnn"),
    ],
)
def test_values_that_params_yaml_could_not_have_are_refused(text, complaint):
    with pytest.raises(InputError) as caught:
        check_search(make_search("torch/mlp", text))
    assert str(caught.value).startswith(f"--try: train_torch.mlp{complaint}")


def test_combinations_that_params_yaml_could_not_have_are_refused():
    search = make_search("scratch/mlp", "nesterov=true,false", "momentum=0,0.9")
    with pytest.raises(InputError, match="has nesterov, which needs sgd with a momentum above 0"):
        check_search(search)


def test_an_optimizer_draws_only_what_it_uses():
    space = ("momentum=0.5..0.9", "optimizer=sgd,adam", "learning_rate=0.001..0.1:log")
    search = make_search("torch/mlp", *space)
    check_search(search)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(20):
        point = draw(study.ask(), search)
        recipe = search.run_at(point).recipe
        assert ("momentum" in point) == (recipe.momentum is not None) == (recipe.optimizer == "sgd")
        seen.add(recipe.optimizer)
    assert seen == {"sgd", "adam"}


def make_data() -> TrainingData:
    """Return two splits of three black images each."""
    split = (np.zeros((3, 28, 28), np.float32), np.arange(3))
    return TrainingData(make_preprocessing(), split, split)


def test_the_identity_has_what_all_trials_have_in_common():
    search = make_search("scratch/mlp", "architecture=mlp,cnn_small", "l2=0.0..0.001")
    identity = identify(search, make_data())
    # Studies on disk have these keys.
    parts = ["run", "seed", "data set", "search space", "recipe", "architecture"]
    assert list(identity) == parts
    assert identity["run"] == "scratch/mlp"
    tried = {"architecture": "mlp,cnn_small", "l2": "0.0..0.001"}
    assert identity["search space"] == tried
    assert list(identity["architecture"]) == ["mlp", "cnn_small"]
    assert identity["architecture"]["mlp"][1:3] == [{"dense": {"units": 128}}, "relu"]
    assert json.loads(json.dumps(identity)) == identity


def test_the_runs_own_values_of_what_is_tried_are_not_in_the_identity():
    search = make_search("scratch/mlp", "l2=0.0..0.001", "augmentation.shift=0..2")
    edited = search.run.recipe.model_copy(update={"l2": 0.0005})
    other = replace(search, run=replace(search.run, recipe=edited))
    assert identify(other, make_data()) == identify(search, make_data())
    edited = search.run.recipe.model_copy(update={"momentum": 0.5})
    other = replace(search, run=replace(search.run, recipe=edited))
    assert identify(other, make_data()) != identify(search, make_data())
