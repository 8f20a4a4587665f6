"""The README and the pages in docs/ show what the committed code measured, and name what exists."""

import re

import pandas as pd
import pytest

from digits.base.files import read_json
from digits.errors import InputError
from digits.training.run import load_runs
from tests.support.paths import ROOT
from tools.measured_docs import PAGES, render

# Of the folders in the README's list, those that a run or a study makes.
MADE = {"checkpoints/", "data/", "models/", "tuning/"}


def test_committed_pages_are_those_that_the_committed_results_give(committed, tmp_path):
    clone = committed.copy(tmp_path / "clone")
    clone.run("python", "-m", "tools.measured_docs")
    assert clone.run("git", "status", "--porcelain") == ""


def test_marker_that_is_missing_is_named(committed):
    text = (committed.path / "README.md").read_text().replace("<!-- graph -->", "")
    with pytest.raises(InputError, match="<!-- graph -->"):
        render("README.md", text, committed.path)


def test_results_table_says_what_the_metrics_say(committed):
    results = pd.read_csv(committed.path / "plots/timing/results.csv")
    runs = load_runs(path=committed.path / "params.yaml")
    assert sorted(results["framework"] + "/" + results["run"]) == sorted(run.title for run in runs)
    lines = (committed.path / "README.md").read_text().splitlines()
    for _, row in results.iterrows():
        metrics = read_json(committed.path / f"metrics/{row['framework']}/{row['run']}.json")
        assert row["dataset"] == metrics.pop("dataset")
        # Through CSV and back.
        assert {key: row[key] for key in metrics} == pytest.approx(metrics, rel=1e-12)
        begin = re.compile(rf"\| {row['framework']} +\| {row['run']} +\|")
        cells = re.sub(" +", " ", next(line for line in lines if begin.match(line)))
        assert f"{100 * metrics['accuracy']:.2f} " in cells
        assert f"| {metrics['errors']:,} |" in cells


def test_paths_that_the_readme_names_exist():
    text = (ROOT / "README.md").read_text()
    block = re.search(r"## Where is what\n\n```\n(.*?)```", text, re.DOTALL)[1]
    for line in block.splitlines():
        folder = "digits/" if line.startswith("  ") else ""
        for name in re.split(r"\s{2,}", line.strip())[0].split():
            assert name in MADE or (ROOT / folder / name).exists(), name


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text()):
        assert "://" in target or (ROOT / page).parent.joinpath(target).exists(), target


def test_commands_that_the_pages_name_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    text = "\n".join((ROOT / page).read_text() for page in PAGES)
    targets = re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", text, re.MULTILINE)
    assert len(targets) > 4
    for target in map("".join, targets):
        assert f"\n{target}: " in makefile, target
    assert "make test" in (ROOT / ".ci/run").read_text()
