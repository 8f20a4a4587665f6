"""One process's part in a study: it begins or joins the study, and runs trials until all are done.

If params.yaml, the data and the study disagree, that is an error before the first trial.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna import Study

from digits.base.params import read_params
from digits.training.backend import load_backend
from digits.training.loop import TrainingData, load_data
from digits.training.memory import keep_freed_memory
from digits.training.run import load_run
from digits.tuning.points import load_architectures
from digits.tuning.search import Search, check_search, identify
from digits.tuning.search_space import Space, default_space, own_point, parse_space
from digits.tuning.slots import next_trial
from digits.tuning.study import check_identity, open_study
from digits.tuning.trials import describe_progress, run_trial

STUDIES = Path("tuning")


class Session(NamedTuple):
    """A study, and what its trials need."""

    study: Study
    search: Search
    data: TrainingData
    folder: Path  # for the study's plots and its lock


def begin_session(
    framework: str, run_name: str, tried: list[str], study_name: str, storage: str | None
) -> Session:
    """Begin or join a study of a run; raise InputError if the study has another identity.

    `tried` are texts such as "batch_size=64,128". Without them, an existing study keeps its space,
    and a new one gets a small space around the run's own values.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    params = read_params()
    run, architectures = load_run(framework, run_name, data=params), load_architectures(data=params)
    given = parse_space(tried)
    check_search(Search(run, given, architectures))
    data, folder = load_data(), STUDIES / study_name
    with locked(folder):
        study = open_study(storage, study_name, folder)
        check_identity(study, {"run": run.title})
        space = given or stored_space(study)
        space = space or default_space(run.recipe, f"train_{framework}.{run_name}")
        search = Search(run, space, architectures)
        check_search(search)
        identity = identify(search, data)
        check_identity(study, identity)
        study.set_user_attr("identity", identity)
    return Session(study, search, data, folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create the folder, and hold its lock: other processes of this machine wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        # A network drive may refuse locks. Two processes that start at the same moment could then
        # both begin the study; the storage has a lock of its own for each entry.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def stored_space(study: Study) -> Space:
    """Return the space that the study was started with; an empty one if the study is new."""
    stored = study.user_attrs.get("identity", {}).get("search space", {})
    return parse_space(f"{key}={values}" for key, values in stored.items())


def run_trials(session: Session, n_trials: int, on_wait: Callable[[], None]) -> Iterator[str]:
    """Run trials until the study has `n_trials`; yield a line after each trial of this process.

    `on_wait` is called once if the last trials run in other processes.
    """
    keep_freed_memory()
    study, search, data, _ = session
    backend = load_backend(search.run.framework)
    own = own_point(search.run.recipe, search.space)
    while trial := next_trial(study, n_trials, search.run.seed, own, on_wait):
        run_trial(study, trial, search, data, backend)
        yield describe_progress(study, trial.number, search.space, n_trials)
