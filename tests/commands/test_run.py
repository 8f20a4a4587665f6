"""digits run checks params.yaml, and is `dvc repro` unless several stages run at a time."""

import argparse

import pytest

from digits.commands import run
from digits.errors import InputError


@pytest.mark.parametrize("jobs", [0, -1])
def test_a_number_of_jobs_below_one_is_one_line(jobs):
    with pytest.raises(InputError, match=f"--jobs is {jobs}; expected 1 or more"):
        run.run(argparse.Namespace(jobs=jobs))


def test_without_options_it_is_dvc_repro(clone):
    printed = clone.run("python", "-m", "digits", "run")
    assert printed == clone.run("dvc", "repro")
    assert "Data and pipelines are up to date" in printed


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
