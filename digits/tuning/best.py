"""The best trial of a study, and its recipe in params.yaml."""

from pathlib import Path

from optuna import Study
from optuna.trial import FrozenTrial

from digits.base.params import PARAMS
from digits.errors import InputError
from digits.tuning.params_file import write_recipe
from digits.tuning.search import Search
from digits.tuning.search_space import read_point
from digits.tuning.study import best_trial


def find_best(study: Study) -> FrozenTrial:
    """Return the best trial; raise InputError if no trial is complete."""
    best = best_trial(study)
    if best is None:
        raise InputError(
            f"no trial of the study {study.study_name} is complete; "
            "try other values with another --study"
        )
    return best


def write_best(best: FrozenTrial, search: Search, path: Path = PARAMS) -> None:
    """Write the values of the best trial into the run's recipe in params.yaml."""
    write_recipe(path, search.run_at(read_point(best.params, search.space)))
