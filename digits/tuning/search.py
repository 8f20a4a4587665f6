"""A search: the run that it starts from, the values that it tries, and the study's identity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna import Trial
from optuna.distributions import CategoricalDistribution, IntDistribution

from digits.model.architecture import Architecture
from digits.training.checkpoint import digest_arrays
from digits.training.loop import TrainingData
from digits.training.run import Run, describe_layers
from digits.tuning.points import Point, with_values
from digits.tuning.search_space import (
    Distribution,
    Space,
    corners,
    ends,
    format_space,
    read_point,
)


@dataclass(frozen=True)
class Search:
    """A run, and what the trials of a study vary in it.

    run            the run that the search starts from
    space          the values that it tries
    architectures  all of params.yaml: a trial may use another architecture than the run
    """

    run: Run
    space: Space
    architectures: Mapping[str, Architecture]

    def run_at(self, point: Point) -> Run:
        """Return the run with a point's values; raise InputError if that is not a valid run.

        If the search tries several optimizers, each one gets only the keys that it uses.
        """
        drop_unused = "optimizer" in self.space
        return with_values(self.run, point, self.architectures, drop_unused=drop_unused)

    def first_corner(self) -> Point:
        """Return the first of the corners of the space."""
        return next(iter(corners(self.space)))


def check_search(search: Search) -> None:
    """Raise InputError unless every corner of the space is a valid run."""
    for point in corners(search.space):
        search.run_at(point)


def draw(trial: Trial, search: Search) -> Point:
    """Return a point that the trial draws. It has the keys that its optimizer uses."""
    point: Point = {}
    # The optimizer comes first: it decides which other keys the trial draws.
    for key in sorted(search.space, key=lambda key: key != "optimizer"):
        if is_used(key, point, search):
            suggest(trial, key, search.space[key])
            point[key] = read_point(trial.params, search.space)[key]
    return point


def suggest(trial: Trial, key: str, distribution: Distribution) -> None:
    """Let the trial draw a value for the key."""
    if isinstance(distribution, CategoricalDistribution):
        trial.suggest_categorical(key, distribution.choices)
    elif isinstance(distribution, IntDistribution):
        trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log)
    else:
        trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log)


def is_used(key: str, point: Point, search: Search) -> bool:
    """Return whether a recipe with the optimizer of `point` uses the key."""
    corner = search.first_corner()
    if "optimizer" in point:
        corner["optimizer"] = point["optimizer"]
    return key.split(".")[0] in search.run_at(corner).recipe.model_fields_set


def identify(search: Search, data: TrainingData) -> dict[str, Any]:
    """Return what all trials of a study have in common, ready for JSON.

    It leaves out the run's own values of the keys that the search tries.
    """
    recipe = search.run_at(search.first_corner()).recipe
    tried = search.space.get("architecture")
    architectures = ends(tried) if tried else [recipe.architecture]
    preprocessing = data.preprocessing
    numbers = [preprocessing.mean, preprocessing.std, *preprocessing.kept_pixels]
    return {
        "run": search.run.title,
        "seed": search.run.seed,
        "data set": digest_arrays(*data.train, *data.validation, np.array(numbers)),
        "search space": format_space(search.space),
        "recipe": recipe.model_dump(),
        "architecture": {
            name: describe_layers(search.architectures[name]) for name in architectures
        },
    }
