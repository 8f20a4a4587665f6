"""Merging two branches that have each added a run."""

import shutil

import pytest
from ruamel.yaml import YAML

from tests.support.clone import Clone

OURS, THEIRS = "train_scratch@ours", "train_torch@theirs"


def add_run(clone: Clone, stage: str) -> None:
    """Add a run of one epoch, run the pipeline and commit it."""
    section, name = stage.split("@")
    yaml = YAML()
    params = yaml.load(clone.path / "params.yaml")
    params[section][name] = params[section]["mlp"] | {"epochs": 1}
    yaml.dump(params, clone.path / "params.yaml")
    assert stage in clone.repro()
    clone.commit(f"Add {stage}")


@pytest.fixture
def merged(clone):
    """Two branches merged, each with a run of its own; the cache has the results of both."""
    clone.run("git", "switch", "-qc", "theirs")
    add_run(clone, THEIRS)
    clone.run("git", "switch", "-q", "main")
    clone.run("dvc", "checkout", "--quiet")
    add_run(clone, OURS)
    clone.run("git", "merge", "--quiet", "theirs", status=1)
    return clone


@pytest.mark.slow
def test_after_a_merge_make_run_mends_everything_without_training(merged):
    conflicts = merged.run("git", "diff", "--name-only", "--diff-filter=U").split()
    assert "dvc.lock" in conflicts
    assert all(name == "dvc.lock" or name.startswith(("metrics/", "plots/")) for name in conflicts)
    assert merged.run("git", "grep", "-l", "^<<<<<<<", status=1) == ""
    printed = merged.run("python", "-m", "digits", "run")
    assert f"Stage '{THEIRS}' is cached" in printed
    assert "Running stage 'train_" not in printed
    assert (merged.path / "metrics/torch/theirs.json").exists()
    assert (merged.path / "metrics/scratch/ours.json").exists()
    merged.commit("Merge theirs")
    assert merged.stale_stages() == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["run"], ["run", "--jobs", "2"], ["check"], ["prune"], ["verify"], ["verify", "."]]
)
def test_conflict_markers_are_one_line_and_lose_nothing(finished, tmp_path, command):
    lines = ["<<<<<<< HEAD", "=======", ">>>>>>> theirs"]
    for name in ("params.yaml", "dvc.lock"):
        clone = finished.copy(tmp_path / name)
        path = clone.path / name
        path.write_text("\n".join([path.read_text(), *lines, ""]))
        before = clone.run("git", "status", "--porcelain", "--ignored")
        printed = clone.run("python", "-m", "digits", *command, status=1)
        assert printed.startswith(f"error: {name}: has the conflict markers of a merge; ")
        assert printed.count("\n") == 1
        assert clone.run("git", "status", "--porcelain", "--ignored") == before
        shutil.rmtree(clone.path)
