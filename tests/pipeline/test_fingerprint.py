"""Fingerprints: which modules and which pins stand for a stage's code, the same on every Python."""

import ast
import json
import subprocess
import sys

import pytest

from digits.pipeline.fingerprint import (
    LOADS_BY_NAME,
    LOCK,
    OWN_WITHOUT_EFFECT,
    PINS_WITHOUT_EFFECT,
    STAGES,
    stage_fingerprint,
)
from digits.pipeline.imports import import_closure
from digits.pipeline.pins import read_pins
from digits.pipeline.source import strip_source
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT


def lines_of(stage: str) -> list[str]:
    """Return the lines of a stage's fingerprint in this project."""
    return stage_fingerprint(stage, ROOT).splitlines()


@pytest.mark.parametrize("stage", STAGES)
def test_a_fingerprint_has_a_sorted_line_for_each_module_and_each_pin(stage):
    lines = lines_of(stage)
    modules = [line for line in lines if "==" not in line]
    pins = [line for line in lines if "==" in line]
    assert lines == sorted(modules) + sorted(pins)
    for line in modules:
        path, sha256 = line.split(" ")
        assert (ROOT / path).is_file()
        assert len(sha256) == 64


def stages_with(text: str) -> set[str]:
    """Return the stages that have a line which starts with a text."""
    return {stage for stage in STAGES if any(line.startswith(text) for line in lines_of(stage))}


@pytest.mark.parametrize(
    ("pin", "stages"),
    [
        ("numpy==", set(STAGES)),
        ("torch==", {"train_torch", "evaluate_torch"}),
        ("torchvision==", set()),
        ("tensorflow-cpu==", {"train_tf", "evaluate_tf"}),
        ("keras==", {"train_tf", "evaluate_tf"}),
        ("matplotlib==", {"visualize"}),
        ("tqdm==", set()),
        ("pydantic==", set()),
        ("dvc==", set()),
    ],
)
def test_a_pin_concerns_the_stages_that_compute_with_it(pin, stages):
    assert stages_with(pin) == stages


@pytest.mark.parametrize(
    ("path", "stages"),
    [
        ("digits/base/params.py", set(STAGES)),
        ("digits/backends/torch/network.py", {"train_torch", "evaluate_torch"}),
        ("digits/backends/tf/fit.py", {"train_tf"}),
        ("digits/scratch/layers.py", {"train_scratch", "evaluate_scratch"}),
        ("digits/reporting/report.html.jinja", {"visualize"}),
        ("digits/pipeline/", set()),
        ("digits/commands/", set()),
    ],
)
def test_a_module_concerns_the_stages_that_run_it(path, stages):
    assert stages_with(path) == stages


def test_no_exception_is_for_a_pin_or_a_package_that_is_gone():
    assert set(PINS_WITHOUT_EFFECT) <= set(read_pins(ROOT / LOCK).lines)
    for package in OWN_WITHOUT_EFFECT:
        assert (ROOT / package.replace(".", "/")).is_dir()


def modules_of_stages() -> set[str]:
    """Return the paths of all modules that some stage runs."""
    closures = [import_closure(ROOT, roots, OWN_WITHOUT_EFFECT) for roots in STAGES.values()]
    return {path for closure in closures for path in closure.sha256 if path.endswith(".py")}


def names_in(path: str) -> set[str]:
    """Return the names and attributes that a module uses."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_modules_that_load_others_by_name_are_declared():
    loaders = {"import_module", "__import__", "spec_from_file_location", "run_module", "run_path"}
    found = {path for path in modules_of_stages() if names_in(path) & loaders}
    assert found == set(LOADS_BY_NAME)


def test_modules_that_read_files_beside_them_declare_these():
    # This one finds the checkout's root by its own path.
    allowed = {"digits/training/stage.py"}
    found = {path for path in modules_of_stages() if "__file__" in names_in(path)}
    for path in found - allowed:
        assert "DATA_FILES = (" in (ROOT / path).read_text(encoding="utf-8"), path


def test_no_result_depends_on_a_docstring():
    for path in modules_of_stages():
        assert not names_in(path) & {"__doc__", "getdoc", "getsource"}, path


@pytest.mark.parametrize("stage", ["download", "preprocess", "train_scratch", "visualize"])
def test_a_closure_has_every_module_that_python_loads(stage):
    """What Python itself says after importing the stage, in a fresh interpreter."""
    code = f"import sys, json, {', '.join(STAGES[stage])}\nprint(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, check=True)
    own = {name for name in json.loads(done.stdout) if name.split(".")[0] in ("digits", "stages")}
    paths = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in import_closure(ROOT, STAGES[stage]).sha256
    }
    assert own <= paths


HASH_ALL = """
import json, sys
from pathlib import Path
from digits.pipeline.fingerprint import STAGES, stage_fingerprint
from digits.pipeline.source import strip_source
texts = {stage: stage_fingerprint(stage, Path(sys.argv[1])) for stage in STAGES}
print(json.dumps([texts, strip_source(sys.stdin.read())]))
"""


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_gives_the_same_text(version):
    """A bare interpreter: the packages of the lock need not be there."""
    command = [
        f"python{version}",
        "-I",
        "-c",
        f"import sys; sys.path[:0] = [{str(ROOT)!r}]{HASH_ALL}",
    ]
    strange = 'def f():  # a\n    """ü"""\na = f"""é{b}\n\n# {c!r:>{d}}\n"""  # e\n'
    strange += """f = "ü" f'{g}#' # h\n"""
    # pyenv starts the version that this variable names.
    environment = ENVIRONMENT | {"PYENV_VERSION": version}
    try:
        done = subprocess.run(
            [*command, str(ROOT)], input=strange.encode(), env=environment, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip(f"needs python{version}")
    if done.returncode == 127:  # pyenv's shim, without that version behind it
        pytest.skip(f"needs python{version}")
    assert done.returncode == 0, done.stderr.decode()
    expected = {stage: stage_fingerprint(stage, ROOT) for stage in STAGES}
    assert json.loads(done.stdout) == [expected, strip_source(strange)]


def test_the_stage_writes_a_file_a_stage_and_no_other(tmp_path):
    (tmp_path / "data/fingerprints").mkdir(parents=True)
    (tmp_path / "data/fingerprints/removed.txt").touch()
    for name in ("digits", "stages", "requirements"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "stages.fingerprint"]
    subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, check=True)
    written = {path.stem: path.read_text() for path in (tmp_path / "data/fingerprints").iterdir()}
    assert written == {stage: stage_fingerprint(stage, ROOT) for stage in STAGES}
