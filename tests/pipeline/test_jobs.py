"""Several stages at a time: the same bytes as one after another, and a failure or Ctrl-C leaves
nothing half-done.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from conftest import ENVIRONMENT, ROOT, Clone

from digits.commands.verify import differing_outputs, read_lock
from digits.pipeline.jobs import jobs_that_fit_memory, stale_stages

COMMAND = (sys.executable, "-m", "digits.pipeline.jobs", "--jobs", "2")


def test_all_stages_side_by_side_give_the_bytes_of_one_after_another(finished, clone):
    for path in (".dvc/cache", ".dvc/tmp", "data", "models"):
        shutil.rmtree(clone.path / path)
    (clone.path / "dvc.lock").unlink()
    printed = clone.run(*COMMAND).splitlines()
    assert differing_outputs(read_lock(finished.path), read_lock(clone.path)) == []
    assert "up to date" in clone.run("dvc", "status")
    started = [line.removesuffix(" ...") for line in printed if line.endswith(" ...")]
    assert sorted(started) == sorted(read_lock(finished.path))
    assert (started[:2], started[-1]) == (["download", "preprocess"], "visualize")
    assert clone.run(*COMMAND) == "everything is up to date\n"


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # DVC's use of pygtrie
def test_only_what_is_stale_and_what_comes_after_it_is_started(clone, monkeypatch):
    clone.edit_params(
        {"train_scratch.mlp.learning_rate": 0.01, "train_scratch.cnn.learning_rate": 0.01}
    )
    monkeypatch.chdir(clone.path)
    trained = {"train_scratch@mlp", "train_scratch@cnn"}
    assert stale_stages() == {
        **{stage: set() for stage in trained},
        "evaluate@scratch": trained,
        "visualize": {"evaluate@scratch", *trained},
    }


def test_a_failed_stage_is_shown_what_runs_beside_it_ends_and_nothing_new_starts(clone):
    learning_rate = "train_scratch.mlp.learning_rate"
    clone.edit_params({learning_rate: 1e30, "train_scratch.cnn.learning_rate": 0.01})
    printed = clone.run(*COMMAND, status=1)
    assert "train_scratch@mlp failed" in printed
    assert "error: scratch/mlp: the loss is nan after epoch 1; lower its learning_rate" in printed
    assert "Traceback" not in printed
    assert "evaluate" not in printed
    clone.edit_params({learning_rate: 0.1})
    assert clone.repro() == {"evaluate@scratch", "visualize"}


def wait_until(condition, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def processes_in(clone: Clone) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            found += [process] if process.cwd() == os.fspath(clone.path) else []
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_stops_all_and_leaves_nothing_half_written(clone, number):
    lock = (clone.path / "dvc.lock").read_bytes()
    before = (clone.path / "params.yaml").read_text()
    clone.edit_params({"train_torch.mlp.epochs": 5000, "train_scratch.mlp.epochs": 5000})
    with subprocess.Popen(
        COMMAND,
        cwd=clone.path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        # Both train.
        wait_until(lambda: len(list((clone.path / "checkpoints").rglob("mlp.safetensors"))) == 2)
        process.send_signal(number)
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 130, printed
    assert "stopped; `make run` goes on" in printed
    assert "Traceback" not in printed
    assert processes_in(clone) == []
    assert (clone.path / "dvc.lock").read_bytes() == lock
    assert list(clone.path.rglob(".*.partial")) == []
    (clone.path / "params.yaml").write_text(before)
    assert clone.repro() == set()


def test_memory_bounds_the_jobs_but_lets_one_run():
    assert jobs_that_fit_memory(1) == 1
    assert jobs_that_fit_memory(2**40) > 100


def test_make_run_is_plain_dvc_repro_unless_asked_for_jobs():
    plain, side_by_side = (
        subprocess.run(
            ["make", "-n", "--no-print-directory", "run", f"JOBS={jobs}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for jobs in (1, 2)
    )
    assert plain.endswith("\ndvc repro\n")
    assert side_by_side.endswith("\npython -m digits.pipeline.jobs --jobs 2\n")


@pytest.mark.parametrize("jobs", ["0", "-1"])
def test_jobs_that_make_no_sense_are_one_line(clone, jobs):
    assert (
        clone.run(*COMMAND[:-1], jobs, status=1) == f"error: --jobs is {jobs}; expected 1 or more\n"
    )
