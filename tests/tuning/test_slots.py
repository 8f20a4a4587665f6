"""Which trial comes next: slots, in one process and in several."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from digits.training.run import load_run
from digits.tuning.slots import next_trial
from tests.support.ports import free_port
from tests.support.programs import fail_or_skip
from tests.support.studies import (
    COMPLETE,
    FAIL,
    MLP,
    PRUNED,
    RUNNING,
    SPACE,
    start,
    start_together,
    stored_study,
    trials,
    wait_for,
)


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for other processes."""
    monkeypatch.setattr("digits.tuning.slots.POLL_SECONDS", 0.01)


def claim(study: optuna.Study, n_trials: int, first: dict | None = None) -> optuna.Trial | None:
    """Return the next trial of a study that never has to wait."""
    return next_trial(study, n_trials, 0, first or {}, on_wait=lambda: pytest.fail("waits"))


def test_a_trial_takes_the_lowest_free_slot():
    study = optuna.create_study()
    # Studies on disk have a slot under this name.
    for slot, state in ((0, COMPLETE), (1, FAIL), (2, PRUNED)):
        trial = study.ask()
        trial.set_user_attr("place", slot)
        study.tell(trial, 0.5 if state == COMPLETE else None, state=state)
    assert claim(study, 4).user_attrs["place"] == 1
    assert claim(study, 4).user_attrs["place"] == 3


def test_a_study_ends_once_enough_trials_have_finished():
    study = optuna.create_study()
    study.tell(claim(study, 2), 0.5)
    study.tell(claim(study, 2), state=PRUNED)
    assert claim(study, 2) is None
    assert claim(study, 3) is not None


def test_only_the_first_slot_draws_the_given_values():
    study = optuna.create_study()
    drawn = [claim(study, 2, {"x": 0.25}).suggest_float("x", 0, 1) for _ in range(2)]
    assert drawn[0] == 0.25 != drawn[1]


def test_a_slot_draws_the_same_after_a_failure():
    drawn = []
    for fails in (False, True):
        study = optuna.create_study()
        if fails:
            study.tell(claim(study, 1), state=FAIL)
        drawn.append(claim(study, 1).suggest_float("x", 0, 1))
    assert drawn[0] == drawn[1]


def test_a_process_without_work_waits_and_says_so_once():
    study = optuna.create_study()
    running = claim(study, 1)
    waits = []

    def on_wait() -> None:
        waits.append(True)
        study.tell(running, 0.5)

    assert next_trial(study, 1, 0, {}, on_wait) is None
    assert waits == [True]


@pytest.mark.slow
def test_the_trial_of_a_killed_process_neither_blocks_nor_counts(workspace, monkeypatch):
    process = start(MLP, *SPACE, "--try", "epochs=1000", "--trials", 2)
    path = Path("tuning/scratch/mlp/study.log")
    wait_for(lambda: path.exists() and any("place" in trial.user_attrs for trial in trials()))
    process.kill()
    process.communicate()
    assert [trial.state for trial in trials()] == [RUNNING]
    monkeypatch.setattr("digits.tuning.heartbeat.DEAD_SECONDS", 0.0)
    study = stored_study()
    for slot in range(2):
        trial = claim(study, 2)
        assert study.get_trials()[trial.number].user_attrs["place"] == slot
        study.tell(trial, 0.5)
    assert claim(study, 2) is None
    assert [trial.state for trial in study.get_trials()] == [FAIL, COMPLETE, COMPLETE]


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of a database on a PostgreSQL server of the test's own."""
    installed = map(str, Path("/usr/lib/postgresql").glob("*/bin"))
    pg_ctl = shutil.which("pg_ctl", path=os.pathsep.join([os.environ["PATH"], *installed]))
    if pg_ctl is None:
        missing = "needs a PostgreSQL server; on Debian: apt-get install postgresql"
        fail_or_skip("DIGITS_POSTGRESQL", missing)
    user = "postgres" if os.getuid() == 0 else None  # PostgreSQL refuses to run as root
    with tempfile.TemporaryDirectory() as folder:
        shutil.chown(folder, user or os.getuid())

        def control(*arguments: str) -> None:
            command = [pg_ctl, *arguments, "-D", "data"]
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

        port = free_port()
        control("initdb", "-o", "--auth=trust --username=digits")
        server = f"-k {folder} -p {port} -c listen_addresses=127.0.0.1"
        control("start", "-l", "log", "-o", server)
        yield f"postgresql://digits@127.0.0.1:{port}/postgres"
        control("stop", "-m", "immediate")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [None, "sqlite:///studies.db", "elsewhere.log", "postgresql"])
def test_two_processes_share_the_trials_of_a_study(workspace, request, kind):
    storage = request.getfixturevalue("postgresql") if kind == "postgresql" else kind
    options = ("--storage", storage) if storage else ()
    # Long enough that neither finishes all trials while the other opens the study.
    space = (*SPACE, "--try", "epochs=20")
    processes = start_together(MLP, *space, "--trials", 7, "--write", *options)
    outputs = [process.communicate(timeout=500) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    ended = [trial for trial in trials(storage=storage) if trial.state != FAIL]
    assert {trial.state for trial in ended} <= {COMPLETE, PRUNED}
    assert sorted(trial.user_attrs["place"] for trial in ended) == list(range(7))
    assert len({trial.params["learning_rate"] for trial in ended}) == 7
    printed = [re.findall(r"^\d/7 trial (\d+)", out, re.MULTILINE) for out, _ in outputs]
    assert all(printed)
    numbers = sorted(int(number) for part in printed for number in part)
    assert numbers == [trial.number for trial in ended]
    best = max(ended, key=lambda trial: trial.value if trial.state == COMPLETE else 0)
    assert load_run("scratch", "mlp").recipe.batch_size == best.params["batch_size"]
