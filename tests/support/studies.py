"""Studies on small digits: run `digits tune` in this process or in others, and read its trials."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna import Study
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from digits.commands import tune
from digits.tuning.study import open_study
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT

COMPLETE, PRUNED = TrialState.COMPLETE, TrialState.PRUNED
FAIL, RUNNING = TrialState.FAIL, TrialState.RUNNING

MLP = "scratch/mlp"
SPACE = ("--try", "learning_rate=0.01..0.2:log", "--try", "batch_size=16,32")

# Says when everything is imported, then waits for a line before it starts.
GATED = """
import sys
import digits.backends.scratch.fit, digits.tuning.session
from digits.cli import main
print("ready", flush=True)
sys.stdin.readline()
sys.exit(main())
"""


def search(*arguments: object) -> int:
    """Run `digits tune` in this process; return its exit status."""
    parser = argparse.ArgumentParser()
    tune.add_arguments(parser)
    return tune.run(parser.parse_args(list(map(str, arguments))))


def start(*arguments: object, python: tuple[str, ...] = ("-m", "digits")) -> subprocess.Popen[str]:
    """Start `digits tune` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, *python, "tune", *map(str, arguments)],
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_together(*arguments: object) -> list[subprocess.Popen[str]]:
    """Start `digits tune` in two processes. Neither begins before both have imported all."""
    processes = [start(*arguments, python=("-c", GATED)) for _ in range(2)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    return processes


def stored_study(name: str = MLP, storage: str | None = None) -> Study:
    """Return a study in a file, by default its own."""
    return open_study(storage, name, Path("tuning") / name)


def trials(name: str = MLP, storage: str | None = None) -> list[FrozenTrial]:
    """Return the trials of a study in a file, by default its own, or in a database."""
    if storage is None or "://" not in storage:
        return stored_study(name, storage).get_trials()
    kept = RDBStorage(storage)
    found = optuna.load_study(storage=kept, study_name=name).get_trials()
    # An open connection would be a warning, and a warning fails a test.
    kept.remove_session()
    kept.engine.dispose()
    return found


def outcomes(name: str = MLP) -> list[tuple[Any, ...]]:
    """Return what the trials that did not fail drew and measured, in the order of their slots."""
    ended = [trial for trial in trials(name) if trial.state != FAIL]
    ended.sort(key=lambda trial: trial.user_attrs["place"])
    return [(trial.params, trial.state, trial.value, trial.intermediate_values) for trial in ended]


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Return once the condition holds; fail if it does not for that long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
