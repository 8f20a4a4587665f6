"""Verifying tells the same bytes from results within the tolerance, from others, and from what
cannot be compared.
"""

import copy
import json

import pytest
from ruamel.yaml import YAML

from digits.commands.verify import TOLERANCES, WITH_TIMES, differing_outputs, report
from digits.errors import InputError

LOCK = {
    "train_torch@cnn": {
        "cmd": "python -m stages.train_torch cnn",
        "deps": [
            {"path": "data/raw", "md5": "1"},
            {"path": "digits/model/model_file.py", "md5": "2"},
        ],
        "params": {"params.yaml": {"seed": 0}},
        "outs": [
            {"path": "models/torch/cnn", "md5": "3"},
            {"path": "models/times/torch/cnn.json", "md5": "4"},
        ],
    },
    "evaluate@torch": {
        "cmd": "python -m stages.evaluate torch",
        "deps": [{"path": "models/torch", "md5": "5"}],
        "outs": [{"path": "metrics/torch", "md5": "6"}],
    },
    "download": {
        "cmd": "python -m stages.download",
        "deps": [],
        "outs": [{"path": "data/raw", "md5": "1"}],
    },
}
METRICS = {"accuracy": 0.99, "log_loss": 0.03}


def write(folder, lock: dict, metrics: dict = METRICS):
    (folder / "metrics/torch").mkdir(parents=True)
    YAML().dump({"schema": "2.0", "stages": lock}, folder / "dvc.lock")
    (folder / "metrics/torch/cnn.json").write_text(json.dumps(metrics))
    return folder


def changed(stage: str, kind: str, path: str) -> dict:
    lock = copy.deepcopy(LOCK)
    next(entry for entry in lock[stage][kind] if entry["path"] == path)["md5"] = "another"
    return lock


def test_same_hashes_are_the_same_bytes(tmp_path, capsys):
    assert report(write(tmp_path / "a", LOCK), write(tmp_path / "b", LOCK)) == 0
    assert "the same bytes" in capsys.readouterr().out


def test_times_may_differ_and_what_they_are_part_of(tmp_path):
    lock = changed("train_torch@cnn", "outs", "models/times/torch/cnn.json")
    assert report(write(tmp_path / "a", LOCK), write(tmp_path / "b", lock)) == 0
    assert all(path.startswith(("models/times", "plots/")) for path in WITH_TIMES)


@pytest.mark.parametrize(
    ("shift", "status", "told"),
    [(0.9, 3, "within the tolerance"), (-0.9, 3, "within"), (1.1, 4, "other results")],
)
@pytest.mark.parametrize("name", TOLERANCES)
def test_other_bytes_are_weighed_by_their_metrics(tmp_path, capsys, name, shift, status, told):
    other = METRICS | {name: METRICS[name] + shift * TOLERANCES[name]}
    lock = changed("train_torch@cnn", "outs", "models/torch/cnn")
    assert report(write(tmp_path / "a", LOCK), write(tmp_path / "b", lock, other)) == status
    printed = capsys.readouterr().out
    assert "other bytes in models/torch/cnn\n" in printed
    assert f"torch/cnn: {name} differs by" in printed
    assert told in printed


def test_a_dependency_that_a_stage_made_may_differ():
    assert differing_outputs(LOCK, changed("evaluate@torch", "deps", "models/torch")) == []
    assert differing_outputs(LOCK, changed("train_torch@cnn", "deps", "data/raw")) == []


def test_other_code_cannot_be_compared():
    with pytest.raises(InputError, match="train_torch@cnn has other deps"):
        differing_outputs(LOCK, changed("train_torch@cnn", "deps", "digits/model/model_file.py"))


def test_other_params_cannot_be_compared():
    lock = copy.deepcopy(LOCK)
    lock["train_torch@cnn"]["params"]["params.yaml"]["seed"] = 1
    with pytest.raises(InputError, match="train_torch@cnn has other params"):
        differing_outputs(LOCK, lock)


def test_other_stages_cannot_be_compared():
    with pytest.raises(InputError, match="not the same stages: download"):
        differing_outputs(LOCK, {name: stage for name, stage in LOCK.items() if name != "download"})


def test_folder_without_a_lock_is_named(tmp_path):
    with pytest.raises(InputError, match=r"dvc\.lock: no such file"):
        report(tmp_path, tmp_path)
