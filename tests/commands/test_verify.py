"""digits verify tells the same bytes from results within the tolerance, and these from others."""

import copy
import json

import pytest
from ruamel.yaml import YAML

from digits.commands.verify import TOLERANCES, check_data, compare
from digits.errors import InputError

LOCK = {
    "train_torch@cnn": {
        "deps": [{"path": "data/raw", "md5": "1"}],
        "outs": [{"path": "models/torch/cnn", "md5": "2"}],
    },
    "evaluate@torch": {
        "deps": [{"path": "models/torch", "md5": "3"}],
        "outs": [{"path": "metrics/torch", "md5": "4"}],
    },
}
METRICS = {"accuracy": 0.99, "log_loss": 0.03}


def write_checkout(folder, lock=LOCK, metrics=METRICS):
    """Write what is compared of a checkout, and return its folder."""
    (folder / "metrics/torch").mkdir(parents=True)
    YAML().dump({"schema": "2.0", "stages": lock}, folder / "dvc.lock")
    (folder / "metrics/torch/cnn.json").write_text(json.dumps(metrics))
    return folder


@pytest.fixture
def ours(tmp_path):
    return write_checkout(tmp_path / "ours")


@pytest.fixture
def other_model():
    """LOCK with another hash for the model."""
    lock = copy.deepcopy(LOCK)
    lock["train_torch@cnn"]["outs"][0]["md5"] = "another"
    return lock


def test_the_same_hashes_are_the_same_bytes(ours, tmp_path, capsys):
    assert compare(ours, write_checkout(tmp_path / "theirs")) == 0
    assert "the same bytes in every output except those with times" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shift", "status", "verdict"),
    [
        (0.9, 3, "the results agree within the tolerance"),
        (-0.9, 3, "the results agree within the tolerance"),
        (1.1, 4, "the results differ by more than the tolerance"),
        (-1.1, 4, "the results differ by more than the tolerance"),
    ],
)
@pytest.mark.parametrize("metric", TOLERANCES)
def test_other_bytes_are_weighed_by_their_metrics(
    ours, tmp_path, capsys, other_model, metric, shift, status, verdict
):
    metrics = METRICS | {metric: METRICS[metric] + shift * TOLERANCES[metric]}
    theirs = write_checkout(tmp_path / "theirs", other_model, metrics)
    assert compare(ours, theirs) == status
    printed = capsys.readouterr().out
    assert "different bytes in models/torch/cnn\n" in printed
    sign = "+" if shift > 0 else "-"
    assert f"torch/cnn: {metric} differs by {sign}0.0" in printed
    assert verdict in printed


def test_other_bytes_with_the_same_metrics_are_within_the_tolerance(ours, tmp_path, other_model):
    assert compare(ours, write_checkout(tmp_path / "theirs", other_model)) == 3


def test_metrics_of_no_stage_are_not_looked_at(ours, tmp_path, other_model):
    theirs = write_checkout(tmp_path / "theirs", other_model)
    (ours / "metrics/torch/removed_run.json").write_text("{}")
    assert compare(ours, theirs) == 3


def test_folder_without_a_lock_is_named(ours, tmp_path):
    with pytest.raises(InputError, match=r"dvc\.lock: no such file"):
        compare(ours, tmp_path)


def test_missing_metrics_are_named(ours, tmp_path, other_model):
    theirs = write_checkout(tmp_path / "theirs", other_model)
    (theirs / "metrics/torch/cnn.json").unlink()
    with pytest.raises(InputError, match=r"metrics/torch/cnn\.json: cannot be read"):
        compare(ours, theirs)


def test_other_raw_data_is_an_error_before_any_training(tmp_path):
    stages = {"download": {"deps": [], "outs": [{"path": "data/raw", "md5": "1.dir"}]}}
    ours = write_checkout(tmp_path / "ours", stages)
    check_data(
        ours, write_checkout(tmp_path / "same", stages | {"another": LOCK["evaluate@torch"]})
    )
    stages["download"]["outs"][0]["md5"] = "2.dir"
    with pytest.raises(InputError, match="the download gave other data than the committed"):
        check_data(ours, write_checkout(tmp_path / "theirs", stages))


@pytest.mark.slow
def test_what_is_committed_gives_the_same_bytes_again(clone):
    printed = clone.run("python", "-m", "digits", "verify")
    assert "the same bytes in every output" in printed
