"""Heartbeats: running trials have one, and those without one fail."""

import threading
import time

import optuna
import pytest
from optuna.trial import TrialState

from digits.tuning.heartbeat import DEAD_SECONDS, fail_dead_trials, heartbeat
from tests.support.studies import wait_for


def test_a_running_trial_has_a_heartbeat(monkeypatch):
    monkeypatch.setattr("digits.tuning.heartbeat.HEARTBEAT_SECONDS", 0.01)
    study = optuna.create_study()
    start = time.time()
    with heartbeat(study.ask()):
        # Studies on disk have the time under this name.
        wait_for(lambda: study.get_trials()[0].user_attrs.get("alive", 0) > start + 0.1)


@pytest.mark.parametrize(
    ("seconds_ago", "state"),
    [(DEAD_SECONDS - 30, TrialState.RUNNING), (DEAD_SECONDS + 1, TrialState.FAIL)],
)
def test_a_trial_without_a_heartbeat_fails(seconds_ago, state):
    study = optuna.create_study()
    study.ask().set_user_attr("alive", time.time() - seconds_ago)
    fail_dead_trials(study)
    assert study.get_trials()[0].state == state


def test_a_new_trial_has_time_for_its_first_heartbeat():
    study = optuna.create_study()
    study.ask()
    fail_dead_trials(study)
    assert study.get_trials()[0].state == TrialState.RUNNING


def test_a_heartbeat_ends_with_the_body():
    trial = optuna.create_study().ask()
    n_threads = threading.active_count()
    with pytest.raises(RuntimeError), heartbeat(trial):
        assert threading.active_count() == n_threads + 1
        raise RuntimeError
    assert threading.active_count() == n_threads
