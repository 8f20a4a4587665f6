"""The container and the workflow on GitHub name what there is: neither can be run by a test."""

import re
import subprocess

import pytest
from conftest import ROOT, copy_project
from ruamel.yaml import YAML

WORKFLOW = YAML(typ="safe").load(ROOT / ".github/workflows/checks.yml")
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_make_targets_that_they_run_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^RUN make ([a-z]+)|digits make ([a-z]+)$", DOCKERFILE, re.M)
    targets += [
        target
        for step in STEPS
        for target in re.findall(r"^make ([a-z]+)", step.get("run", ""), re.M)
    ]
    for target in {"".join(target) for target in targets}:
        assert f"\n{target}: " in makefile, target
    assert re.search(r'CMD \["make", "run"\]', DOCKERFILE)


def test_files_that_the_workflow_names_exist():
    named = {
        path
        for step in STEPS
        for path in re.findall(r"(?:\.ci|requirements|tests)/[\w.]+", step.get("run", ""))
    }
    assert len(named) == 5
    for path in named:
        assert (ROOT / path).is_file(), path


def test_actions_are_pinned_to_a_commit_and_jobs_may_only_read_but_for_the_comment():
    for step in STEPS:
        assert re.fullmatch(
            r"actions/[a-z-]+@[0-9a-f]{40}", step.get("uses", f"actions/none@{'0' * 40}")
        )
    assert WORKFLOW["permissions"] == {}
    assert [job["permissions"] for job in WORKFLOW["jobs"].values()] == [
        {"contents": "read"},
        {"contents": "read", "pull-requests": "write"},
    ]


def test_python_is_the_one_that_the_makefile_asks_for():
    assert re.search(r"^FROM python:3\.11\.", DOCKERFILE, re.M)
    assert {
        step["with"]["python-version"] for step in STEPS if "setup-python" in step.get("uses", "")
    } == {"3.11"}


def test_report_compares_the_metrics_and_the_plots_with_another_revision(tmp_path):
    clone = copy_project(tmp_path)
    clone.commit("Before")
    path = clone.path / "metrics/torch/mlp.json"
    text, found = re.subn(r'"errors": \d+', '"errors": 1234', path.read_text())
    assert found == 1
    path.write_text(text)
    clone.commit("After")
    printed = clone.run(".ci/report", "HEAD~1")
    assert re.search(r"^\| metrics/torch/mlp.json +\| errors +\| \d+ +\| 1234 +\|", printed, re.M)
    assert len(re.findall(r"^\| metrics/", printed, re.M)) == 1
    assert (clone.path / "dvc_plots/index.html").exists()


@pytest.mark.parametrize("name", [".ci/run", ".ci/report"])
def test_scripts_are_sound_bash_and_executable(name):
    subprocess.run(["bash", "-n", ROOT / name], check=True)
    assert (ROOT / name).stat().st_mode & 0o100
