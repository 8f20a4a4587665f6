"""What users do with DVC beyond `dvc repro`: experiments, parts of the pipeline, kinds of cache."""

import shutil

import pytest

from digits.base.params import load_section
from tests.support.clone import Clone

pytestmark = pytest.mark.slow
RATE = "train_scratch.mlp.learning_rate"


def test_an_experiment_changes_an_item_of_a_list(clone):
    clone.run("dvc", "exp", "run", "-S", "architectures.mlp.1.dense.units=32", "evaluate@scratch")
    layers = load_section(list, "architectures", "mlp", path=clone.path / "params.yaml")
    assert layers[:2] == ["flatten", {"dense": {"units": 32}}]
    assert len(layers) == 6
    clone.run("python", "-m", "digits", "check")


def test_an_experiment_in_a_temporary_folder_leaves_the_workspace(clone):
    clone.run("dvc", "exp", "run", "--temp", "-S", f"{RATE}=0.02", "evaluate@scratch")
    assert clone.run("git", "status", "--porcelain") == ""
    assert f"{RATE}" in clone.run("dvc", "exp", "show", "--csv", "--only-changed")


def test_a_relative_mirror_is_not_found_from_a_temporary_folder(clone, tmp_path):
    command = ["dvc", "exp", "run", "--temp", "-S", "download.dataset=mnist", "download"]
    (clone.path / "mirror").mkdir()
    printed = clone.run(*command, status=None, DIGITS_MIRROR="mirror")
    assert "error: could not download mnist: mirror: " in printed
    assert "Traceback" not in printed
    assert clone.run("git", "status", "--porcelain") == ""


def test_an_applied_experiment_can_be_tuned_and_its_best_values_written(clone):
    clone.run("dvc", "exp", "run", "--name", "slower", "-S", f"{RATE}=0.05", "evaluate@scratch")
    clone.run("git", "reset", "-q", "--hard")
    clone.run("dvc", "exp", "apply", "slower")
    words = ["tune", "scratch/mlp", "--try", "learning_rate=0.04", "--trials", "1", "--write"]
    clone.run("python", "-m", "digits", *words)
    params = clone.path / "params.yaml"
    assert load_section(float, *RATE.split("."), path=params) == 0.04
    clone.run("python", "-m", "digits", "check")


def test_one_stage_alone_leaves_the_later_ones_stale(clone):
    clone.edit_params({RATE: 0.09})
    assert clone.repro("-s", "train_scratch@mlp") == {"train_scratch@mlp"}
    assert clone.stale_stages() == {"evaluate@scratch", "visualize"}
    assert clone.repro("--downstream", "train_scratch@mlp") == {"evaluate@scratch", "visualize"}
    assert clone.stale_stages() == set()


def test_with_k_the_other_runs_go_on_and_nothing_is_lost(clone):
    clone.edit_params({RATE: 1e30, "train_torch.mlp.learning_rate": 0.003})
    printed = clone.run("dvc", "repro", "-k", status=None)
    assert "error: scratch/mlp: the loss is nan after epoch 1" in printed
    assert "Running stage 'evaluate@torch'" in printed
    assert "Running stage 'evaluate@scratch'" not in printed
    clone.run("git", "reset", "-q", "--hard")
    clone.run("dvc", "checkout")
    assert clone.stale_stages() == set()


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_outputs_may_be_links_into_the_cache(clone, kind):
    clone.run("dvc", "config", "--local", "cache.type", kind)
    clone.run("dvc", "checkout", "--relink")
    model = clone.path / "models/scratch/mlp/model.safetensors"
    assert model.is_symlink() if kind == "symlink" else model.stat().st_nlink > 1
    before = model.read_bytes()
    clone.edit_params({RATE: 0.08})
    assert clone.repro("evaluate@scratch") == {"train_scratch@mlp", "evaluate@scratch"}
    assert model.read_bytes() != before
    clone.run("git", "reset", "-q", "--hard")
    clone.run("dvc", "checkout")
    assert model.read_bytes() == before  # the cache was not written through the link
    clone.run("python", "-m", "digits", "prune")
    assert clone.stale_stages() == set()


def test_gc_of_the_workspace_drops_what_other_commits_need(clone):
    """docs/scaling.md tells to add --all-commits."""
    clone.edit_params({RATE: 0.08})
    clone.repro("evaluate@scratch")
    kept = clone.copy(clone.path.parent / "kept")
    # The copy shares the cache through hard links, so each removes its own names only.
    kept.run("dvc", "gc", "--all-commits", "--workspace", "--force")
    clone.run("dvc", "gc", "--workspace", "--force")
    for folder, status in ((kept, 0), (clone, None)):
        folder.run("git", "reset", "-q", "--hard")
        folder.run("dvc", "checkout", "models/scratch/mlp", status=status)


def test_a_model_is_got_from_a_checkout_with_its_cache(clone, tmp_path):
    command = ["dvc", "get", str(clone.path), "models/scratch/mlp", "-o"]
    clone.run(*command, str(tmp_path / "got"))
    assert {path.name for path in (tmp_path / "got").iterdir()} == {
        "history.csv",
        "model.safetensors",
    }
    clone.run("git", "clone", "-q", ".", str(tmp_path / "other"))
    other = Clone(tmp_path / "other")
    printed = other.run("dvc", "get", ".", "models/scratch/mlp", "-o", "got", status=None)
    assert "No such file or directory" in printed
    assert not (other.path / "got").exists()
    shutil.rmtree(other.path)
