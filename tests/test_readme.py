"""The README shows what was measured by the committed code, no more and no less."""

import json
import re

import pandas as pd
import pytest
from conftest import ROOT

from digits.errors import InputError
from digits.params import FRAMEWORKS, load_params
from digits.readme import render

TEXT = (ROOT / "README.md").read_text()
PARAMS = load_params(ROOT / "params.yaml")


def test_readme_is_as_generated():
    assert render(TEXT, ROOT) == TEXT


def test_marker_that_is_missing_is_named():
    with pytest.raises(InputError, match="<!-- graph -->"):
        render(TEXT.replace("<!-- graph -->", ""), ROOT)


def test_results_table_says_what_the_metrics_say():
    table = pd.read_csv(ROOT / "plots/with_times/results.csv").set_index(["framework", "run"])
    assert sorted(table.index) == sorted((framework, run) for framework in FRAMEWORKS for run in PARAMS.runs(framework))
    for framework, run in table.index:
        metrics = json.loads((ROOT / f"metrics/{framework}/{run}.json").read_text())
        row = table.loc[framework, run]
        assert row["dataset"] == metrics.pop("dataset")
        assert {key: row[key] for key in metrics} == pytest.approx(metrics, rel=1e-12)  # through CSV and back
        cells = next(line for line in TEXT.splitlines() if re.match(rf"\| {framework} +\| {run} +\|", line))
        assert f"{100 * metrics['accuracy']:.2f} " in cells
        assert f"| {metrics['errors']:,} |" in re.sub(" +", " ", cells)


def test_paths_that_the_readme_names_exist():
    block = re.search(r"## Where is what\n\n```\n(.*?)```", TEXT, re.S)[1]
    for line in block.splitlines():
        folder = "digits/" if line.startswith("  ") else ""
        for name in re.split(r"\s{2,}", line.strip())[0].split():
            if name not in ("checkpoints/", "data/", "models/"):
                assert (ROOT / folder / name).exists(), name
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def test_commands_that_the_readme_names_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)`", TEXT, re.M))
    assert len(targets) > 4
    for target in map("".join, targets):
        assert f"\n{target}: " in makefile, target
    assert "make test" in (ROOT / ".ci/run").read_text()
