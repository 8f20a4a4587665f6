"""Search for a run's recipe with Optuna: trainings of the run with other values, scored on the
validation split. The test set is not read.

python -m digits.commands.tune torch/cnn --try learning_rate=0.001..0.02:log --try
batch_size=64,128,256

A study lives in tuning/<framework>/<run>/study.log, or where --storage says. The same command goes
on with one that was stopped, and several processes may work on one at a time, on several machines
where these share the storage. The run's own values are tried first, as far as the space holds them.
A training whose accuracy after an epoch is below the median of those before it is given up.
"""

import argparse
import fcntl
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna import Study, Trial, TrialPruned
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from digits.base.files import read_json, read_split, rewritten
from digits.errors import InputError, one_line_errors
from digits.preprocessing.apply import Preprocessing
from digits.training.checkpoint import digest_arrays
from digits.training.loop import DATA, DivergedError, Split, train
from digits.training.memory import keep_freed_memory
from digits.training.params import FRAMEWORKS, Params, load_params
from digits.tuning.params_line import write_recipe
from digits.tuning.search_space import (
    Space,
    check_space,
    default_space,
    draw,
    ends,
    first_corner,
    format_point,
    format_space,
    own_point,
    parse_space,
    read_point,
    with_values,
)
from digits.tuning.study import (
    FINISHED,
    alive,
    best_trial,
    check_identity,
    ignored_warnings,
    next_trial,
    open_study,
    same_trial,
)

PARAMS = Path("params.yaml")
STUDIES = Path("tuning")


class Job(NamedTuple):
    """What all trials of a run need. A split is (normalised images (n, 28, 28), labels (n,))."""

    framework: str
    run: str
    params: Params
    preprocessing: Preprocessing
    train_split: Split
    validation_split: Split


def main() -> None:
    arguments = parse_arguments()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    params = load_params(PARAMS)
    framework, run = parse_run(arguments.run)
    recipe = params.recipe(framework, run)
    given = parse_space(arguments.tried)
    check_space(params, framework, run, given)
    job = Job(framework, run, params, *read_data())
    folder = STUDIES / arguments.study
    with alone(folder):
        study = open_study(arguments.storage, arguments.study, folder)
        check_identity(study, {"run": f"{framework}/{run}"})
        space = given or begun_space(study) or default_space(recipe, f"train_{framework}.{run}")
        check_space(params, framework, run, space)
        identity = identify(job, space)
        check_identity(study, identity)
        study.set_user_attr("identity", identity)
    keep_freed_memory()
    backend = import_module(f"digits.backends.{framework}.network")
    while trial := next_trial(study, arguments.trials, params.seed, own_point(recipe, space)):
        run_trial(study, trial, job, space, backend)
        report(study, trial.number, space, arguments.trials)
    with alone(folder):
        draw_plots(study, folder)
        conclude(study, job, space, arguments.write)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Search for a run's recipe with Optuna, by its accuracy on the validation split."
    )
    parser.add_argument("run", help="a run of params.yaml, as torch/cnn")
    parser.add_argument(
        "--try",
        action="append",
        default=[],
        dest="tried",
        metavar="KEY=VALUES",
        help="a key of the run's recipe and what to try: LOW..HIGH, LOW..HIGH:log, or values with commas between them; may be repeated (what the "
        "study was begun with; for a new one the learning rate and the batch size around the run's)",
    )
    parser.add_argument(
        "--trials",
        type=int,
        default=20,
        help="how many trials the study is to have in the end, the pruned ones too (20)",
    )
    parser.add_argument("--study", help="the study's name, in tuning/ a folder's (the run)")
    parser.add_argument(
        "--storage",
        help="a database's URL, as in sqlite:///studies.db, or a file (tuning/STUDY/study.log)",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the best trial's values into params.yaml in the end",
    )
    arguments = parser.parse_args()
    if arguments.trials < 1:
        raise InputError(f"--trials is {arguments.trials}; expected a number from 1 up")
    arguments.study = arguments.study or arguments.run
    if not re.fullmatch(r"[\w-]+(/[\w-]+)*", arguments.study, re.ASCII):
        raise InputError(
            f"--study is {arguments.study!r}; expected letters, digits, _ and -, and / between them"
        )
    return arguments


def parse_run(text: str) -> tuple[str, str]:
    """Return the framework and the run of "torch/cnn"."""
    framework, _, run = text.partition("/")
    if framework not in FRAMEWORKS:
        raise InputError(
            f"the run is {text!r}; expected a framework, one of {', '.join(FRAMEWORKS)}, and its run, as in torch/cnn"
        )
    return framework, run


def read_data() -> tuple[Preprocessing, Split, Split]:
    """Return how the images were prepared, the training split and the validation split."""
    if not (DATA / "preprocessing.json").exists():
        raise InputError(f"{DATA}: has no data; run `dvc repro preprocess` first")
    return (
        Preprocessing(**read_json(DATA / "preprocessing.json")),
        read_split(DATA / "train"),
        read_split(DATA / "validation"),
    )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make the folder, and hold off the other processes of this machine that come here while the
    body runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def begun_space(study: Study) -> Space:
    """Return the space that the study was begun with; an empty one of a new study."""
    return parse_space(
        f"{key}={values}"
        for key, values in study.user_attrs.get("identity", {}).get("search space", {}).items()
    )


def identify(job: Job, space: Space) -> dict[str, Any]:
    """Return what all trials of a study have in common, as JSON has it. The run's own values of
    what is tried are not among it.
    """
    recipe = with_values(job.params, job.framework, job.run, first_corner(space), space).recipe(
        job.framework, job.run
    )
    architectures = (
        ends(space["architecture"]) if "architecture" in space else [recipe.architecture]
    )
    preprocessing = np.array(
        [job.preprocessing.mean, job.preprocessing.std, *job.preprocessing.kept_pixels]
    )
    return {
        "run": f"{job.framework}/{job.run}",
        "seed": job.params.seed,
        "data set": digest_arrays(*job.train_split, *job.validation_split, preprocessing),
        "search space": format_space(space),
        "recipe": recipe.model_dump(),
        "architecture": {
            name: [layer.as_data() for layer in job.params.architectures[name]]
            for name in architectures
        },
    }


def run_trial(study: Study, trial: Trial, job: Job, space: Space, backend: ModuleType) -> None:
    """Train with what the trial draws, and tell the study how it ended. What was drawn before is
    not trained again.
    """

    def after_epoch(number: int, accuracy: float) -> None:
        trial.report(accuracy, number)
        if number < n_epochs and trial.should_prune():
            raise TrialPruned

    try:
        with alive(trial):
            point = draw(trial, job.params, job.framework, job.run, space)
            earlier = same_trial(study, trial)
            if earlier:
                repeat_trial(study, trial, earlier)
                return
            params = with_values(job.params, job.framework, job.run, point, space)
            n_epochs = params.recipe(job.framework, job.run).epochs
            splits = job.train_split, job.validation_split
            _, recorder = train(
                backend,
                job.framework,
                job.run,
                params,
                job.preprocessing,
                *splits,
                after_epoch=after_epoch,
            )
        study.tell(trial, recorder.history[-1]["accuracy"], skip_if_finished=True)
    except DivergedError:
        trial.set_user_attr("diverged", True)
        study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
    except (
        UpdateFinishedTrialError
    ):  # this process slept so long that another took the trial for dead
        pass
    except BaseException:
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        raise


def repeat_trial(study: Study, trial: Trial, earlier: FrozenTrial) -> None:
    """Have the trial end as an earlier one with the same values did."""
    for epoch, accuracy in earlier.intermediate_values.items():
        trial.report(accuracy, epoch)
    if "diverged" in earlier.user_attrs:
        trial.set_user_attr("diverged", True)
    trial.set_user_attr("repeats", earlier.number)
    study.tell(
        trial,
        earlier.value if earlier.state == TrialState.COMPLETE else None,
        state=earlier.state,
        skip_if_finished=True,
    )


def report(study: Study, number: int, space: Space, n_trials: int) -> None:
    """Print how a trial ended, and the best so far."""
    trials = study.get_trials(deepcopy=False)
    n_finished = sum(trial.state in FINISHED for trial in trials)
    best = best_trial(study)
    so_far = f"; best {best.value:.4f} (trial {best.number})" if best else ""
    print(
        f"{n_finished}/{n_trials} trial {number}: {describe(trials[number], space)}{so_far}",
        flush=True,
    )


def describe(trial: FrozenTrial, space: Space) -> str:
    """Return a trial's values and how it ended."""
    if trial.state == TrialState.COMPLETE:
        outcome = f"validation accuracy {trial.value:.4f}"
    elif trial.state == TrialState.PRUNED:
        diverged = trial.user_attrs.get("diverged", False)
        outcome = (
            "diverged"
            if diverged
            else f"pruned after epoch {trial.last_step} at {trial.intermediate_values[trial.last_step or 0]:.4f}"
        )
    else:
        outcome = "failed: silent for too long"
    repeated = f" as trial {trial.user_attrs['repeats']}" if "repeats" in trial.user_attrs else ""
    return f"{format_point(read_point(trial.params, space))}: {outcome}{repeated}"


def draw_plots(study: Study, folder: Path) -> None:
    """Write Optuna's plots into the folder, those that the finished trials are enough for."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(ended) < 2:
        print("no plots: they need two trials that came to their end", file=sys.stderr)
        return
    keys = {key for trial in ended for key in trial.params}
    varied = sorted(key for key in keys if len({trial.params.get(key) for trial in ended}) > 1)
    drawn: dict[str, Any] = {"history": partial(plots.plot_optimization_history, study)}
    if varied and len({trial.value for trial in ended}) > 1:  # else nothing is of importance
        drawn["slice"] = partial(plots.plot_slice, study, varied)
        drawn["importances"] = partial(plots.plot_param_importances, study, params=varied)
    for name, plot in drawn.items():
        with pyplot.style.context("default"), ignored_warnings():  # Optuna's style is not to stay
            figure = np.ravel(plot(target_name="validation accuracy"))[0].figure
            with rewritten(folder / f"{name}.png") as path:
                figure.savefig(path, format="png", dpi=120, bbox_inches="tight")
        pyplot.close(figure)


def conclude(study: Study, job: Job, space: Space, write: bool) -> None:
    """Print the best trial, and where asked to, write its values into params.yaml."""
    best = best_trial(study)
    if best is None:
        raise InputError(
            f"no trial of the study {study.study_name} came to its end; try other values, under another --study"
        )
    point = read_point(best.params, space)
    print(f"best: trial {best.number}: {describe(best, space)}")
    if write:
        recipe = with_values(job.params, job.framework, job.run, point, space).recipe(
            job.framework, job.run
        )
        write_recipe(PARAMS, job.framework, job.run, recipe)
        print(f"{PARAMS}: train_{job.framework}.{job.run} has them now; `dvc repro` trains it")


if __name__ == "__main__":
    with one_line_errors():
        try:
            main()
        except (StorageInternalError, SQLAlchemyError) as error:
            raise InputError(f"the study's storage failed: {error}") from None
        except KeyboardInterrupt:
            print(
                "stopped; the same command goes on after the last finished trial", file=sys.stderr
            )
            sys.exit(130)
