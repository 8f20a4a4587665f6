"""README.md and the pages in docs/ show what the committed code measured."""

import re

import pandas as pd
import pytest

from digits.base.files import read_json
from digits.errors import InputError
from digits.training.run import load_runs
from tests.support.paths import ROOT
from tools.measured_docs import PAGES, render


def test_committed_pages_are_those_that_the_committed_results_give(committed, tmp_path):
    clone = committed.copy(tmp_path / "clone")
    clone.run("python", "-m", "tools.measured_docs")
    assert clone.run("git", "status", "--porcelain") == ""


def test_marker_that_is_missing_is_named(committed):
    text = (committed.path / "docs/dependencies.md").read_text().replace("<!-- graph -->", "")
    with pytest.raises(InputError, match="<!-- graph -->"):
        render("docs/dependencies.md", text, committed.path)


def test_every_marker_of_a_page_is_filled():
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        markers = re.findall(r"^<!-- (\w+) -->$", path.read_text(), re.MULTILINE)
        assert sorted(markers) == sorted(PAGES.get(path.relative_to(ROOT).as_posix(), ()))


def test_results_table_says_what_the_metrics_say(committed):
    results = pd.read_csv(committed.path / "plots/timing/results.csv")
    runs = load_runs(path=committed.path / "params.yaml")
    assert sorted(results["framework"] + "/" + results["run"]) == sorted(run.title for run in runs)
    lines = (committed.path / "docs/results.md").read_text().splitlines()
    leaderboard = (committed.path / "README.md").read_text()
    for _, row in results.iterrows():
        metrics = read_json(committed.path / f"metrics/{row['framework']}/{row['run']}.json")
        assert row["dataset"] == metrics.pop("dataset")
        # Through CSV and back.
        assert {key: row[key] for key in metrics} == pytest.approx(metrics, rel=1e-12)
        begin = re.compile(rf"\| {row['framework']} +\| {row['run']} +\|")
        cells = re.sub(" +", " ", next(line for line in lines if begin.match(line)))
        assert f"{100 * metrics['accuracy']:.2f} " in cells
        assert f"| {metrics['errors']:,} |" in cells
        (cells,) = re.findall(rf"^\| `{row['architecture']}` \|.*", leaderboard, re.MULTILINE)
        assert f"{100 * metrics['accuracy']:.2f} %, {row['train_seconds']:,.0f} s" in cells


def test_ci_runs_the_tests_that_the_readme_names():
    assert "make test\n" in (ROOT / ".ci/run").read_text()
    assert "make test " in (ROOT / "README.md").read_text()
