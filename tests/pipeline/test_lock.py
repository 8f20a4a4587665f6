"""dvc.lock: read, compared with another one, pruned, and checked against its checkout."""

import copy
import shutil

import pytest
from ruamel.yaml import YAML

from digits.errors import InputError
from digits.pipeline.lock import (
    TIMING,
    differing_outputs,
    read_lock,
    remove_entries,
    stage_lines,
    stale_entries,
)

LOCK = {
    "fingerprint": {
        "cmd": "python -m stages.fingerprint",
        "deps": [{"path": "digits", "md5": "1.dir"}],
        "outs": [{"path": "data/fingerprints", "md5": "2.dir"}],
    },
    "download": {
        "cmd": "python -m stages.download",
        "deps": [{"path": "data/fingerprints/download.txt", "md5": "3"}],
        "outs": [{"path": "data/raw", "md5": "4.dir"}],
    },
    "train_torch@cnn": {
        "cmd": "python -m stages.train_torch",
        "deps": [
            {"path": "data/fingerprints/train_torch.txt", "md5": "5"},
            {"path": "data/raw", "md5": "4.dir"},
        ],
        "params": {"params.yaml": {"seed": 0}},
        "outs": [
            {"path": "models/torch/cnn", "md5": "6.dir"},
            {"path": "timings/torch/cnn.json", "md5": "7"},
        ],
    },
    "evaluate@torch": {
        "cmd": "python -m stages.evaluate torch",
        "deps": [{"path": "models/torch", "md5": "8.dir"}],
        "outs": [{"path": "metrics/torch", "md5": "9.dir"}],
    },
}


def changed(stage: str, kind: str, path: str) -> dict:
    """Return LOCK with another hash for a dep or an out of a stage."""
    lock = copy.deepcopy(LOCK)
    next(entry for entry in lock[stage][kind] if entry["path"] == path)["md5"] = "another"
    return lock


def test_the_same_hashes_differ_nowhere():
    assert differing_outputs(LOCK, copy.deepcopy(LOCK)) == []


def test_an_output_with_another_hash_is_named():
    lock = changed("train_torch@cnn", "outs", "models/torch/cnn")
    assert differing_outputs(LOCK, lock) == ["models/torch/cnn"]


def test_outputs_that_hold_times_may_differ():
    lock = changed("train_torch@cnn", "outs", "timings/torch/cnn.json")
    assert differing_outputs(LOCK, lock) == []
    assert all(path.startswith(("timings", "plots/")) for path in TIMING)


@pytest.mark.parametrize(
    ("stage", "path"), [("evaluate@torch", "models/torch"), ("train_torch@cnn", "data/raw")]
)
def test_a_dep_that_a_stage_made_may_differ(stage, path):
    assert differing_outputs(LOCK, changed(stage, "deps", path)) == []


def test_code_with_other_comments_is_the_same_code():
    assert differing_outputs(LOCK, changed("fingerprint", "deps", "digits")) == []


def test_other_code_cannot_be_compared():
    lock = changed("train_torch@cnn", "deps", "data/fingerprints/train_torch.txt")
    with pytest.raises(InputError, match="train_torch@cnn has different deps"):
        differing_outputs(LOCK, lock)


def test_other_params_cannot_be_compared():
    lock = copy.deepcopy(LOCK)
    lock["train_torch@cnn"]["params"]["params.yaml"]["seed"] = 1
    with pytest.raises(InputError, match="train_torch@cnn has different params"):
        differing_outputs(LOCK, lock)


def test_other_stages_cannot_be_compared():
    with pytest.raises(InputError, match=r"stages in one dvc\.lock only: download; check out"):
        differing_outputs(LOCK, {name: stage for name, stage in LOCK.items() if name != "download"})


@pytest.fixture
def checkout(tmp_path):
    """A folder with LOCK as DVC writes it."""
    YAML().dump({"schema": "2.0", "stages": LOCK}, tmp_path / "dvc.lock")
    return tmp_path


def test_reading_gives_the_stages(checkout):
    assert read_lock(checkout) == LOCK


def test_folder_without_a_lock_is_named(tmp_path):
    with pytest.raises(InputError, match=r"dvc\.lock: no such file"):
        read_lock(tmp_path)


@pytest.mark.parametrize("text", ["", "schema: '2.0'\n", "schema: '2.0'\nstages:\n  dow: [", "- 1"])
def test_lock_that_was_cut_short_is_one_line_with_a_remedy(tmp_path, text):
    (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(InputError, match=r"dvc\.lock: is cut short; run `git checkout dvc\.lock`"):
        read_lock(tmp_path)


@pytest.mark.parametrize("name", LOCK)
def test_removing_an_entry_keeps_the_bytes_of_the_others(checkout, name):
    lines = (checkout / "dvc.lock").read_text().splitlines(keepends=True)
    start, end = stage_lines(checkout / "dvc.lock")[name]
    assert lines[start - 1] == f"  {name}:\n"
    remove_entries(checkout, [name])
    assert read_lock(checkout) == {key: entry for key, entry in LOCK.items() if key != name}
    kept = "".join(lines[: start - 1] + lines[end - 1 :])
    assert (checkout / "dvc.lock").read_text() == kept


def test_several_entries_can_be_removed(checkout):
    remove_entries(checkout, ["download", "evaluate@torch"])
    assert list(read_lock(checkout)) == ["fingerprint", "train_torch@cnn"]


def test_what_has_just_run_is_not_stale(finished):
    assert stale_entries(finished.path) == []


def test_a_plain_copy_of_the_tracked_files_is_not_stale(finished, tmp_path):
    """Without git, and without the outputs that are in DVC's cache only."""
    finished.run("git", "archive", "--output", str(tmp_path / "commit.zip"), "HEAD")
    shutil.unpack_archive(tmp_path / "commit.zip", tmp_path / "copy")
    assert not (tmp_path / "copy/models").exists()
    assert stale_entries(tmp_path / "copy") == []


def line_of(stage: str, root) -> int:
    """Return the line of dvc.yaml on which a stage begins."""
    return (root / "dvc.yaml").read_text().splitlines().index(f"  {stage}:") + 1


def test_stale_entries_name_the_stage_its_line_and_the_reason(clone):
    root = clone.path
    (root / "metrics/torch/mlp.json").write_text("{}")
    (root / "plots/mistakes.csv").unlink()
    clone.edit_params({"train_scratch.mlp.learning_rate": 0.01, "preprocess.prune_threshold": 0.5})
    yaml = YAML()
    params = yaml.load(root / "params.yaml")
    params["train_scratch"]["renamed"] = params["train_scratch"].pop("mlp_sigmoid")
    yaml.dump(params, root / "params.yaml")
    found = stale_entries(root)
    expected = {
        "evaluate@torch": "metrics/torch has a different hash in dvc.lock",
        "visualize": "train_scratch has a different value in dvc.lock (and 1 more)",
        "train_scratch@mlp": "train_scratch.mlp has a different value in dvc.lock",
        "preprocess": "preprocess has a different value in dvc.lock",
        "train_scratch@renamed": "is not in dvc.lock",
        "train_scratch@mlp_sigmoid": "is not in dvc.yaml",
    }
    for stage, reason in expected.items():
        place = f"dvc.yaml:{line_of(stage.split('@')[0], root)}"
        start = f"dvc.lock is stale: {place}: {stage}: "
        (line,) = (line for line in found if line.startswith(start))
        assert reason in line
        assert line.endswith("; run make run and commit the result")
    # The evaluation of scratch depends on the section that was edited; nothing else is stale.
    assert len(found) == len(expected) + 1


def test_a_tracked_output_that_is_missing_is_named(clone):
    (clone.path / "plots/mistakes.csv").unlink()
    (line,) = stale_entries(clone.path)
    assert "visualize: plots/mistakes.csv is missing; it is in dvc.lock" in line


def test_changed_code_makes_its_stages_stale_and_a_comment_none(clone):
    path = clone.path / "digits/reporting/report.py"
    path.write_text(path.read_text() + "\n# A comment.\n")
    assert stale_entries(clone.path) == []
    path.write_text(path.read_text() + "\nADDED = 1\n")
    (line,) = stale_entries(clone.path)
    assert "visualize: data/fingerprints/visualize.txt has a different hash in dvc.lock" in line


def test_another_command_or_path_makes_a_stage_stale(clone):
    pipeline = clone.path / "dvc.yaml"
    text = pipeline.read_text()
    text = text.replace("stages.download\n", "stages.download --again\n")
    pipeline.write_text(text.replace("      - metrics\n", "      - README.md\n"))
    download, visualize = stale_entries(clone.path)
    assert "download: has a different command in dvc.lock" in download
    assert "visualize: README.md is among the deps of dvc.yaml only (and 1 more)" in visualize
