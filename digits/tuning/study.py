"""A study of Optuna that several processes may work on at a time: where it is kept, what it is of,
and which trial comes next.

Each trial has a place, the lowest from 0 up that no other has which runs or has ended. What it
draws depends on the seed, its place and what was found before, so one process alone finds the same
every time. A running trial gives a sign of life every few seconds: one that falls silent was
killed, and its place is free again.
"""

import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna import Study, Trial
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from digits.errors import InputError
from digits.tuning.search_space import Point

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
BEAT_SECONDS = 10.0  # between two signs of life
# Since the last one; the clocks of machines that share a study must agree better than that.
DEAD_SECONDS = 120.0
POLL_SECONDS = 1.0


def open_study(storage: str | None, name: str, folder: Path) -> Study:
    """Return the study with this name in a database, by its URL, or in a file; by default in a file
    in `folder`. A new one is made.
    """
    pruner = optuna.pruners.MedianPruner()
    try:
        kept = open_storage(storage or str(folder / "study.log"))
        return optuna.create_study(
            storage=kept, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
        )
    except Exception as error:  # of whatever kind a database's driver has; the URL may hold a password, and is not shown
        raise InputError(
            f"the study {name} cannot be opened: {type(error).__name__}: {error}; see --storage"
        ) from None


def open_storage(address: str) -> BaseStorage:
    return RDBStorage(address) if "://" in address else JournalStorage(JournalFileBackend(address))


def check_identity(study: Study, identity: dict[str, Any]) -> None:
    """Raise InputError where a study was begun with something else than `identity`, what all its
    trials have in common, or a part of it.
    """
    begun = study.user_attrs.get("identity", {})
    if not begun and not study.get_trials(deepcopy=False):
        return
    for part, value in identity.items():
        old = begun.get(part)
        if old != value:
            keys = (
                [key for key in old | value if old.get(key) != value.get(key)]
                if isinstance(old, dict) and isinstance(value, dict)
                else []
            )
            which = f" ({', '.join(keys)})" if keys else ""
            raise InputError(
                f"the study {study.study_name} was begun with another {part}{which}; begin one of its own with --study NAME"
            )


def next_trial(study: Study, n_trials: int, seed: int, first: Point) -> Trial | None:
    """Return a new trial, None once `n_trials` have ended. The one at place 0 draws the values of
    `first`, as far as it draws these keys.

    Where the last trials run in other processes, wait for their end.
    """
    waiting = False
    while True:
        bury_dead(study)
        standing = standing_trials(study)
        if sum(trial.state in FINISHED for trial in standing) >= n_trials:
            return None
        places = {trial.user_attrs.get("place") for trial in standing}
        # None: another process is about to begin one.
        if len(standing) < n_trials and None not in places:
            place = next(place for place in count() if place not in places)
            study.sampler = make_sampler(seed, place, first if place == 0 else {})
            trial = study.ask()
            if {
                other.number for other in standing_trials(study) if other.number < trial.number
            } == {other.number for other in standing}:
                trial.set_user_attr("place", place)
                return trial
            study.tell(trial, state=TrialState.FAIL)  # another process came first
        elif not waiting and None not in places:
            print("waiting for the last trials, which run in other processes", file=sys.stderr)
            waiting = True
        time.sleep(POLL_SECONDS)


def standing_trials(study: Study) -> list[FrozenTrial]:
    """Return the trials that run or have ended well."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.FAIL]


def make_sampler(seed: int, place: int, fixed: Point) -> PartialFixedSampler:
    sampler = TPESampler(seed=int(np.random.default_rng([seed, place]).integers(2**32)))
    with ignored_warnings():
        return PartialFixedSampler(fixed, sampler)


@contextmanager
def ignored_warnings() -> Iterator[None]:
    """Leave out Optuna's warnings that a part of it is experimental, and that few trials tell
    little about what matters.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def bury_dead(study: Study) -> None:
    """Let those running trials fail that have given no sign of life for a while."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        if time.time() - trial.user_attrs.get("alive", started) > DEAD_SECONDS:
            with suppress(UpdateFinishedTrialError):  # another process was first
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


@contextmanager
def alive(trial: Trial) -> Iterator[None]:
    """Have the trial give signs of life while the body runs."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            # Where the storage cannot be reached, the body meets the same error.
            with suppress(Exception):
                trial.set_user_attr("alive", time.time())

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def same_trial(study: Study, trial: Trial) -> FrozenTrial | None:
    """Return the trial that has ended with the same values, None where there is none."""
    ended = study.get_trials(deepcopy=False, states=FINISHED)
    return next(
        (other for other in ended if other.params == trial.params and other.number != trial.number),
        None,
    )


def best_trial(study: Study) -> FrozenTrial | None:
    """Return the trial with the highest accuracy, the first of equals; None where none has come to
    its end.
    """
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(ended, key=lambda trial: trial.value or 0.0, default=None)
