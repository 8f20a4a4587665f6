"""The container and the workflow on GitHub name what exists: no test can run either."""

import re
import subprocess
import tomllib

import pytest
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

from tests.support.clone import copy_project
from tests.support.paths import ROOT

WORKFLOW = YAML(typ="safe").load(ROOT / ".github/workflows/checks.yml")
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
COMMANDS = "\n".join(step.get("run", "") for step in STEPS)
DOCKERFILE = (ROOT / "Dockerfile").read_text()
CI = (ROOT / ".ci/run").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_make_targets_that_they_run_exist():
    texts = f"{COMMANDS}\n{DOCKERFILE}\n{CI}"
    found = re.findall(r"(?:^|RUN |&& |digits )make ([a-z-]+)", texts, re.MULTILINE)
    assert {"packages", "setup", "run", "lint", "test", "test-all"} == set(found)
    for target in found:
        assert f"\n{target}: " in MAKEFILE, target


def test_the_container_runs_the_pipeline():
    assert 'CMD ["make", "run"]' in DOCKERFILE


def test_the_locks_that_the_makefile_names_exist():
    named = set(re.findall(r"requirements/[\w]+\.(?:txt|in|py)", MAKEFILE))
    files = [path for path in (ROOT / "requirements").iterdir() if path.is_file()]
    paths = {path.relative_to(ROOT).as_posix() for path in files}
    assert named == paths - {"requirements/remote.txt"}


def test_files_that_the_workflow_names_exist():
    named = set(re.findall(r"(?:\.ci|requirements|tests)/[\w./]+", COMMANDS))
    assert len(named) == 5
    for path in named:
        assert (ROOT / path).exists(), path


def test_actions_are_pinned_to_a_commit():
    for action in [step["uses"] for step in STEPS if "uses" in step]:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)


def test_only_the_comment_may_be_written():
    assert WORKFLOW["permissions"] == {}
    reading = {"contents": "read"}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "everything": reading,
        "tests": reading,
        "report": reading | {"pull-requests": "write"},
    }


def test_every_supported_python_is_tested():
    matrix = JOBS["tests"]["strategy"]["matrix"]["python"]
    supported = SpecifierSet(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    )
    expected = [f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported]
    assert ["3.11", *matrix] == expected
    assert "|".join(expected) in MAKEFILE
    assert re.search(r"^FROM python:3\.11\.", DOCKERFILE, re.MULTILINE)


@pytest.mark.slow
def test_report_compares_the_metrics_and_the_plots_with_another_revision(tmp_path):
    clone = copy_project(tmp_path)
    clone.commit("Before")
    path = clone.path / "metrics/torch/mlp.json"
    text, found = re.subn(r'"errors": \d+', '"errors": 1234', path.read_text())
    assert found == 1
    path.write_text(text)
    clone.commit("After")
    printed = clone.run(".ci/report", "HEAD~1")
    rows = re.findall(r"^\| metrics/.*", printed, re.MULTILINE)
    assert len(rows) == 1
    assert re.match(r"\| metrics/torch/mlp.json +\| errors +\| \d+ +\| 1234 +\|", rows[0])
    assert (clone.path / "dvc_plots/index.html").exists()


@pytest.mark.parametrize("name", [".ci/run", ".ci/report"])
def test_scripts_are_sound_bash_and_executable(name):
    subprocess.run(["bash", "-n", ROOT / name], check=True)
    assert (ROOT / name).stat().st_mode & 0o100
