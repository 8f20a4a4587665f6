"""digits run checks params.yaml, runs the stages, and prints the leaderboard."""

import argparse
import re
import shutil
import threading
import time

import pytest
from zc.lockfile import LockFile

from digits.commands import run
from digits.errors import InputError
from digits.reporting.leaderboard import RESULTS, render_leaderboard


@pytest.mark.parametrize("jobs", [0, -1])
def test_a_number_of_jobs_below_one_is_one_line(jobs):
    with pytest.raises(InputError, match=f"--jobs is {jobs}; expected 1 or more"):
        run.run(argparse.Namespace(jobs=jobs))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_it_ends_with_the_leaderboard_the_time_and_where_to_look(clone, jobs):
    printed = clone.run("python", "-m", "digits", "run", "--jobs", jobs)
    lines = printed.splitlines()
    assert lines[0].lower() in (
        "everything is up to date",
        "stage 'fingerprint' didn't change, skipping",
    )
    assert "\n" + render_leaderboard(clone.path / RESULTS) + "\n" in printed
    assert re.search(r"^The pipeline took 0 min \d+ s\.$", printed, re.MULTILINE)
    assert lines[-3:] == [
        "Charts of all runs:     make plots, then open dvc_plots/index.html",
        "Try your own digits:    make draw",
        "Figures and mistakes:   plots/report.html, in a browser",
    ]


def test_in_a_folder_outside_git_it_runs(clone):
    shutil.rmtree(clone.path / ".git")
    printed = clone.run("python", "-m", "digits", "run")
    assert "this folder is not in git: DVC runs without it" in printed
    assert "Data and pipelines are up to date." in printed
    assert "this folder" not in clone.run("python", "-m", "digits", "run")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_it_waits_while_another_dvc_holds_the_lock(clone, jobs):
    other = LockFile(clone.path / ".dvc/tmp/lock")
    threading.Timer(8, other.close).start()  # DVC alone gives up after about four seconds
    started = time.monotonic()
    printed = clone.run("python", "-m", "digits", "run", "--jobs", jobs)
    assert "The pipeline took" in printed
    assert time.monotonic() - started > 8


def test_after_a_failure_it_shows_no_leaderboard(clone):
    (clone.path / "data/raw/dataset.json").unlink()
    (clone.path / "digits/datasets/uci_digits.py").write_text("raise SystemExit(3)")
    printed = clone.run("python", "-m", "digits", "run", status=255)
    assert "failed to reproduce 'download'" in printed
    assert "accuracy" not in printed


@pytest.mark.slow
def test_a_kill_while_dvc_wrote_its_rwlock_does_not_stop_the_next_run(clone):
    (clone.path / ".dvc/tmp/rwlock").write_text("")
    assert "JSON structure is corrupted" in clone.run("dvc", "repro", status=255)
    assert "Data and pipelines are up to date" in clone.run("python", "-m", "digits", "run")


@pytest.mark.slow
def test_exit_status_is_that_of_dvc(clone):
    clone.edit_params({"train_scratch.mlp.learning_rate": 1e30})
    printed = clone.run("python", "-m", "digits", "run", status=255)
    assert "error: scratch/mlp: the loss is nan after epoch 1" in printed


def test_a_fault_anywhere_in_params_stops_it_before_any_stage(clone):
    clone.edit_params({"train_tf.cnn_small.learning_rate": -1, "train_scratch.mlp.epochs": 2})
    printed = clone.run("python", "-m", "digits", "run", status=1)
    assert printed.startswith(
        "error: params.yaml: train_tf.cnn_small.learning_rate is -1; expected "
    )
    assert len(printed.splitlines()) == 1
