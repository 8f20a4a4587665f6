"""The installed package works in any folder, without the frameworks and without this checkout."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pillow_heif
import pytest

from digits.model.model_file import write_model
from tests.support.clone import copy_project
from tests.support.environment import ENVIRONMENT
from tests.support.export_models import make_model
from tests.support.paper import SEVEN, save, write_strokes
from tests.support.paths import ROOT

FRAMEWORKS = {"torch", "tensorflow", "keras", "sklearn", "pandas", "matplotlib", "dvc", "onnx"}


def run(*command: object, folder: Path, status: int = 0) -> str:
    """Run a command in a folder, assert its exit status and return what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package, built from a copy of the project by the environment's hatchling."""
    project = copy_project(tmp_path_factory.mktemp("project")).path
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", ".",
        folder=project,
    )  # fmt: skip
    return next(project.glob("*.whl"))


def test_the_wheel_holds_the_package_and_its_data_files_only(wheel):
    names = ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    start = "digits_dvc_start.pth"
    assert tops == {"digits", start, f"digits_three_ways-{version}.dist-info"}
    for path in ("py.typed", "commands/draw.html", "reporting/report.html.jinja"):
        assert f"digits/{path}" in names
    assert {Path(name).suffix for name in names if name.startswith("digits/")} == {
        ".py", ".typed", ".html", ".jinja",
    }  # fmt: skip


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """The folder with the programs of an environment that has the package with `predict` only."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "venv", folder=folder)
    programs = folder / "venv/bin"
    lock = ROOT / "requirements/test.txt"
    run(
        programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--constraint", lock, f"{wheel}[predict]", folder=folder,
    )  # fmt: skip
    return programs


@pytest.mark.slow
def test_predict_alone_classifies_a_picture_from_any_folder(environment, tmp_path):
    write_model(tmp_path / "cnn/model.safetensors", make_model())
    seven = write_strokes(SEVEN)
    save(seven, tmp_path / "seven.png")
    pillow_heif.from_pillow(seven).save(tmp_path / "seven.heic")
    words = ["predict", "seven.png", "seven.heic", "--model", "cnn"]
    expected = run(sys.executable, "-m", "digits", *words, folder=tmp_path)
    assert run(environment / "digits", *words, folder=tmp_path) == expected
    assert re.fullmatch(r"seven\.png: .*\nseven\.heic: .*\n", expected)
    installed = {path.name for path in environment.parent.glob("lib/*/site-packages/*")}
    assert not installed & FRAMEWORKS


@pytest.mark.slow
def test_a_command_without_its_extra_says_what_to_install(environment, tmp_path):
    line = "error: digits draw needs flask: pip install 'digits-three-ways[draw]'\n"
    assert run(environment / "digits", "draw", folder=tmp_path, status=1) == line
    assert run(environment / "digits", "--version", folder=tmp_path).startswith("digits 1.")
