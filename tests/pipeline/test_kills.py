"""Stages killed at any moment: the next `dvc repro` ends with the bytes of an undisturbed run."""

import json
import os
import random
import signal
import subprocess
import time

import pytest
from ruamel.yaml import YAML

from digits.pipeline.checkout import remove_damaged_rwlock
from digits.pipeline.lock import differing_outputs, read_lock
from tests.support.clone import Clone, make_small_project
from tests.support.environment import ENVIRONMENT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
N_KILLS = 50
# With dropout and a Nesterov momentum, or Adam, to go on from.
RUNS = {"torch": "cnn_small", "tf": "cnn_small", "scratch": "mlp"}
STAGES = [
    "fingerprint",
    "download",
    "preprocess",
    *(f"train_{framework}@{run}" for framework, run in RUNS.items()),
    "evaluate@torch",
    "evaluate@scratch",
    "visualize",
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Clone:
    """A clone in which one run per framework has trained, long enough for a kill between epochs."""
    clone = make_small_project(tmp_path_factory.mktemp("undisturbed") / "clone")
    yaml = YAML()
    params = yaml.load(clone.path / "params.yaml")
    for framework, run in RUNS.items():
        recipe = params[f"train_{framework}"][run]
        recipe["epochs"] = 12
        params[f"train_{framework}"] = {run: recipe}
    yaml.dump(params, clone.path / "params.yaml")
    clone.repro()
    clone.commit("One run per framework")
    return clone


def kill_during(clone: Clone, stage: str, seconds: float) -> bool:
    """Start a stage anew, kill it and DVC and all that they started after some seconds, and return
    whether it was still running.
    """
    command = ["dvc", "repro", "--force", "--single-item", "--no-run-cache", stage]
    with subprocess.Popen(
        command,
        cwd=clone.path,
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
    return False


def forget(clone: Clone, stage: str) -> None:
    """Take a stage's outputs out of DVC's cache: DVC would bring them back from there instead of
    running the stage.
    """
    cache = clone.path / ".dvc/cache/files/md5"
    for out in read_lock(clone.path)[stage]["outs"]:
        path = cache / out["md5"][:2] / out["md5"][2:]
        files = (
            [entry["md5"] for entry in json.loads(path.read_text())]
            if path.suffix == ".dir" and path.exists()
            else []
        )
        for file in [path, *(cache / md5[:2] / md5[2:] for md5 in files)]:
            file.unlink(missing_ok=True)


def test_kills_at_random_moments_leave_nothing_that_is_mistaken_for_finished(undisturbed, tmp_path):
    clone = undisturbed.copy(tmp_path / "clone")
    expected, chance = read_lock(undisturbed.path), random.Random(0)
    n_lock_lines = (clone.path / "dvc.lock").read_bytes().count(b"\n")
    seconds = {}
    for stage in STAGES:
        started = time.perf_counter()
        clone.run("dvc", "repro", "--force", "--single-item", "--no-run-cache", stage)
        seconds[stage] = time.perf_counter() - started
    n_kills = n_again = n_resumed = 0
    while n_kills < N_KILLS:
        stage = STAGES[n_kills % len(STAGES)]
        forget(clone, stage)
        killed = kill_during(clone, stage, chance.uniform(0, seconds[stage]))
        n_kills += killed
        # DVC was writing it, which it does not do in one piece.
        if (clone.path / "dvc.lock").read_bytes().count(b"\n") < n_lock_lines:
            clone.run("git", "checkout", "dvc.lock")
        remove_damaged_rwlock(clone.path)  # as `digits run` does
        printed = clone.run("dvc", "repro", "--no-run-cache", stage)
        n_again += killed and f"Running stage '{stage}'" in printed
        n_resumed += "resumes after epoch" in printed
        assert differing_outputs(expected, read_lock(clone.path)) == [], stage
        # The files are those of the lock.
        assert "up to date" in clone.run("dvc", "status", stage), stage
        left = list(clone.path.rglob("*.partial")) + list(
            (clone.path / "checkpoints").rglob("*.safetensors")
        )
        assert left == [], stage
    clone.run("dvc", "repro", "--no-run-cache")  # the times have changed, and what shows them
    assert differing_outputs(expected, read_lock(clone.path)) == []
    assert "up to date" in clone.run("dvc", "status")
    # The others were killed before DVC had removed anything, or when all was done.
    assert n_again > N_KILLS // 2
    assert n_resumed > 0  # some of the kills fell between the first epoch and the last


@pytest.mark.parametrize("framework", RUNS)
def test_interrupted_training_says_how_to_go_on_and_does(undisturbed, tmp_path, framework):
    """Ctrl-C goes to every process of the terminal's group."""
    clone, stage = undisturbed.copy(tmp_path / "clone"), f"train_{framework}@{RUNS[framework]}"
    forget(clone, stage)
    command = ["dvc", "repro", "--force", "--single-item", "--no-run-cache", stage]
    with subprocess.Popen(
        command,
        cwd=clone.path,
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "epoch 3/" in line:
                os.killpg(process.pid, signal.SIGINT)
        assert process.wait() != 0
    printed = "".join(lines)
    assert "stopped; `dvc repro` resumes" in printed
    assert "Traceback" not in printed
    assert "resumes after epoch" in clone.run("dvc", "repro", "--no-run-cache")
    assert differing_outputs(read_lock(undisturbed.path), read_lock(clone.path)) == []
