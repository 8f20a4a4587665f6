"""Several stages at a time: the same bytes, and nothing half-done is left behind."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from digits.pipeline.jobs import stale_stages
from digits.pipeline.lock import read_lock
from tests.support.clone import Clone
from tests.support.environment import ENVIRONMENT

RUN = (sys.executable, "-m", "digits", "run", "--jobs")
COMMAND = (*RUN, "2")
# Longer than any test lasts.
ENDLESS = {"train_torch.mlp.epochs": 50_000, "train_scratch.mlp.epochs": 50_000}


@pytest.mark.slow
def test_two_stages_at_a_time_give_the_bytes_of_one_after_another(finished, project):
    lines = project.run(*COMMAND).splitlines()
    started = [line.removesuffix(" ...") for line in lines if line.endswith(" ...")]
    # The code is hashed first: what that makes stale decides which stages there are to run.
    assert sorted(["fingerprint", *started]) == sorted(read_lock(finished.path))
    assert (started[:2], started[-1]) == (["download", "preprocess"], "visualize")
    printed = project.run("python", "-m", "digits", "verify", str(finished.path))
    assert "the same bytes in every output" in printed
    times = "timings/scratch/mlp.json"
    # It did run again.
    assert (project.path / times).read_text() != (finished.path / times).read_text()


def test_what_is_up_to_date_is_not_started(clone):
    assert clone.run(*COMMAND).startswith("everything is up to date\n")


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # DVC's use of pygtrie
def test_only_what_is_stale_and_what_comes_after_it_is_started(clone, monkeypatch):
    rate = 0.01
    clone.edit_params(
        {"train_scratch.mlp.learning_rate": rate, "train_scratch.fast.learning_rate": 2 * rate}
    )
    monkeypatch.chdir(clone.path)
    trained = {"train_scratch@mlp", "train_scratch@fast"}
    assert stale_stages() == {
        **{stage: set() for stage in trained},
        "evaluate@scratch": trained,
        "visualize": {"evaluate@scratch", *trained},
    }


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # DVC's use of pygtrie
def test_other_pipelines_below_the_folder_are_left_alone(clone, monkeypatch):
    (clone.path / "other").mkdir()
    stage = "stages: {late: {cmd: echo, deps: [../models], outs: [late]}}\n"
    (clone.path / "other/dvc.yaml").write_text(stage)
    clone.edit_params({"train_scratch.mlp.learning_rate": 0.01})
    monkeypatch.chdir(clone.path)
    assert set(stale_stages()) == {"train_scratch@mlp", "evaluate@scratch", "visualize"}


def test_a_comment_starts_no_stage(clone):
    with (clone.path / "digits/errors.py").open("a") as file:
        file.write("# A comment.\n")
    assert "everything is up to date\n" in clone.run(*COMMAND)


@pytest.mark.slow
def test_a_failed_stage_is_shown_what_runs_beside_it_ends_and_nothing_new_starts(clone):
    rate = "train_scratch.mlp.learning_rate"
    clone.edit_params({rate: 1e30, "train_scratch.fast.learning_rate": 0.02})
    printed = clone.run(*COMMAND, status=1)
    assert "train_scratch@mlp failed" in printed
    assert "error: scratch/mlp: the loss is nan after epoch 1; lower its learning_rate" in printed
    assert "Traceback" not in printed
    assert "evaluate" not in printed
    clone.edit_params({rate: 0.1})
    # The run beside it has ended. DVC removes the outputs of a stage before it runs.
    assert clone.stale_stages() == {"train_scratch@mlp", "evaluate@scratch", "visualize"}
    assert clone.repro() == {"evaluate@scratch", "visualize"}


def wait_until(condition, process: subprocess.Popen, seconds: float = 300) -> None:
    """Wait until a condition holds, while a process runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def processes_in(clone: Clone) -> list[psutil.Process]:
    """Return the processes that work in a clone's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            found += [process] if process.cwd() == os.fspath(clone.path) else []
        except psutil.Error:
            continue
    return found


def press_ctrl_c(process: subprocess.Popen) -> None:
    """Send SIGINT to the whole process group, as a terminal does."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("stop", [press_ctrl_c, subprocess.Popen.terminate])
def test_stopped_it_stops_all_and_leaves_nothing_half_written(clone, stop, jobs):
    lock = (clone.path / "dvc.lock").read_bytes()
    before = (clone.path / "params.yaml").read_text()
    clone.edit_params(ENDLESS)
    with subprocess.Popen(
        (*RUN, str(jobs)),
        cwd=clone.path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        checkpoints = [
            clone.path / f"checkpoints/{name}/mlp.safetensors" for name in ("torch", "scratch")
        ]
        wait_until(lambda: sum(path.exists() for path in checkpoints) == jobs, process)
        stop(process)
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 130, printed
    command = "make run" if jobs > 1 else "dvc repro"
    assert f"stopped; `{command}` resumes" in printed
    assert "Traceback" not in printed
    assert processes_in(clone) == []
    assert (clone.path / "dvc.lock").read_bytes() == lock
    assert list(clone.path.rglob(".*.partial")) == []
    (clone.path / "params.yaml").write_text(before)
    assert clone.repro() == set()
