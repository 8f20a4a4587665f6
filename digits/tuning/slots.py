"""Choose the next trial of a study that several processes may work on at a time.

Each trial gets a slot: the lowest number, from 0, that no running or finished trial has. A killed
trial frees its slot. The values of a trial depend on the seed, its slot and the earlier results. A
search in one process is therefore reproducible.
"""

import time
from collections.abc import Callable
from itertools import count

import numpy as np
from optuna import Study, Trial
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from digits.tuning.heartbeat import fail_dead_trials
from digits.tuning.points import Point
from digits.tuning.study import FINISHED, ignored_warnings

SLOT = "place"  # the attribute's name in a stored trial: studies on disk have it
POLL_SECONDS = 1.0


def next_trial(
    study: Study, n_trials: int, seed: int, first: Point, on_wait: Callable[[], None]
) -> Trial | None:
    """Return a new trial; None once `n_trials` have finished.

    The trial in slot 0 draws the values of `first` for those of its keys. If the last trials run in
    other processes, this function calls `on_wait` once and waits until they end.
    """
    waiting = False
    while True:
        fail_dead_trials(study)
        trials = unfailed_trials(study)
        if sum(trial.state in FINISHED for trial in trials) >= n_trials:
            return None
        # A trial without a slot: another process is about to begin one.
        beginning = any(SLOT not in trial.user_attrs for trial in trials)
        if len(trials) < n_trials and not beginning:
            if trial := claim_slot(study, trials, seed, first):
                return trial
        elif not waiting and not beginning:
            on_wait()
            waiting = True
        time.sleep(POLL_SECONDS)


def claim_slot(study: Study, trials: list[FrozenTrial], seed: int, first: Point) -> Trial | None:
    """Return a new trial in the lowest free slot; None if another process came first.

    `trials` are those that run or have finished.
    """
    taken = {trial.user_attrs[SLOT] for trial in trials}
    slot = next(slot for slot in count() if slot not in taken)
    study.sampler = make_sampler(seed, slot, first if slot == 0 else {})
    trial = study.ask()
    earlier = {other.number for other in unfailed_trials(study) if other.number < trial.number}
    if earlier == {other.number for other in trials}:
        trial.set_user_attr(SLOT, slot)
        return trial
    study.tell(trial, state=TrialState.FAIL)
    return None


def unfailed_trials(study: Study) -> list[FrozenTrial]:
    """Return the trials that run or have finished."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.FAIL]


def make_sampler(seed: int, slot: int, fixed: Point) -> PartialFixedSampler:
    """Return the sampler of a slot. For the keys in `fixed`, it draws the values given there."""
    sampler = TPESampler(seed=int(np.random.default_rng([seed, slot]).integers(2**32)))
    with ignored_warnings():
        return PartialFixedSampler(fixed, sampler)
