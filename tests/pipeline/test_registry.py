"""The models that dvc.yaml registers, downloaded from a local repository and a folder as remote."""

import filecmp
import re
from pathlib import Path

import pytest
from dvc import api
from ruamel.yaml import YAML

from digits.base.params import load_run_names
from tests.support.clone import Clone
from tests.support.paths import ROOT

ARTIFACTS = YAML(typ="safe").load(ROOT / "dvc.yaml")["artifacts"]


@pytest.fixture(scope="module")
def published(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A repository with a remote that has all outputs, and nothing in its workspace and cache.

    Version v1.0.0 of `best` is registered and in production. A later commit has other models.
    """
    folder = tmp_path_factory.mktemp("registry")
    source = finished.copy(folder / "source")
    source.run("dvc", "remote", "add", "--default", "shared", str(folder / "remote"))
    source.commit("Name the remote")
    source.run("dvc", "push", "--quiet")
    source.run("gto", "register", "best", "--version", "v1.0.0")
    source.run("gto", "assign", "best", "--version", "v1.0.0", "--stage", "production")
    source.run("git", "rm", "-q", "dvc.lock")
    source.commit("Models that nothing has trained yet")
    source.run("git", "clone", "-q", str(source.path), str(folder / "published"))
    return Clone(folder / "published")


def test_every_artifact_has_a_run_a_description_and_labels():
    assert len(ARTIFACTS) == 3
    for artifact in ARTIFACTS.values():
        models, framework, run, file = artifact["path"].split("/")
        assert (models, file) == ("models", "model.safetensors")
        assert run in load_run_names(framework, ROOT / "params.yaml")
        assert artifact["type"] == "model"
        assert artifact["desc"]
        assert artifact["labels"] == [framework]


@pytest.mark.parametrize("words", [["--rev", "v1.0.0"], ["--stage", "production"]], ids=" ".join)
def test_dvc_artifacts_get_downloads_a_registered_version(published, finished, tmp_path, words):
    command = ["dvc", "artifacts", "get", str(published.path), "best", *words, "-o", "model"]
    Clone(tmp_path).run(*command)
    assert_is_trained(tmp_path / "model", finished)


def test_dvc_get_downloads_the_file_of_a_tag(published, finished, tmp_path):
    command = ["dvc", "get", str(published.path), ARTIFACTS["best"]["path"], "--rev", "best@v1.0.0"]
    Clone(tmp_path).run(*command, "-o", "model")
    assert_is_trained(tmp_path / "model", finished)


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # DVC's use of pygtrie
def test_dvc_api_opens_the_file_of_a_tag(published, finished, tmp_path):
    with api.open(
        ARTIFACTS["best"]["path"], repo=str(published.path), rev="best@v1.0.0", mode="rb"
    ) as file:
        (tmp_path / "model").write_bytes(file.read())
    assert_is_trained(tmp_path / "model", finished)


def test_what_is_registered_is_listed(published):
    printed = published.run("gto", "show")
    assert re.search(r"best .* v1\.0\.0 .* v1\.0\.0", printed)


def test_a_version_that_does_not_exist_is_named(published, tmp_path):
    command = ["dvc", "artifacts", "get", str(published.path), "best", "--rev", "v9.0.0"]
    expected = "Unable to find artifact 'best @ v9.0.0'"
    assert expected in Clone(tmp_path).run(*command, status=None)


def assert_is_trained(model: Path, finished: Clone) -> None:
    """Assert that a file is the model `best` of the finished pipeline."""
    assert filecmp.cmp(model, finished.path / ARTIFACTS["best"]["path"], shallow=False)
