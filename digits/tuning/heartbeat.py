"""Heartbeats: a running trial stores the time every few seconds; a killed trial stops."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

HEARTBEAT = "alive"  # the attribute's name in a stored trial: studies on disk have it
HEARTBEAT_SECONDS = 10.0  # between two heartbeats
# A trial without a heartbeat for this long is dead. The clocks of the machines that share a study
# must differ by less.
DEAD_SECONDS = 120.0


@contextmanager
def heartbeat(trial: Trial) -> Iterator[None]:
    """Store a heartbeat of the trial every few seconds while the body runs."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            # If the storage cannot be reached, the body meets the same error.
            with suppress(Exception):
                trial.set_user_attr(HEARTBEAT, time.time())

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def fail_dead_trials(study: Study) -> None:
    """Mark running trials as failed if their last heartbeat is DEAD_SECONDS old."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if time.time() - last_heartbeat(trial) > DEAD_SECONDS:
            with suppress(UpdateFinishedTrialError):  # another process was first
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def last_heartbeat(trial: FrozenTrial) -> float:
    """Return the time of the last heartbeat, or of the start, in seconds since 1970."""
    started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    seconds: float = trial.user_attrs.get(HEARTBEAT, started)
    return seconds
