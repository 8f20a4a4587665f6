"""The README and the pages in docs/ show what was measured by the committed code, no more and no
less.
"""

import json
import re

import pandas as pd
import pytest
from conftest import ROOT

from digits.errors import InputError
from digits.training.params import FRAMEWORKS, load_params
from tools.benchmark_tables import format_growth
from tools.measured_docs import PAGES, render

TEXT = (ROOT / "README.md").read_text()
PARAMS = load_params(ROOT / "params.yaml")


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_as_generated(page):
    text = (ROOT / page).read_text()
    assert render(page, text, ROOT) == text


def test_marker_that_is_missing_is_named():
    with pytest.raises(InputError, match="<!-- graph -->"):
        render("README.md", TEXT.replace("<!-- graph -->", ""), ROOT)


def test_results_table_says_what_the_metrics_say():
    table = pd.read_csv(ROOT / "plots/with_times/results.csv").set_index(["framework", "run"])
    assert sorted(table.index) == sorted(
        (framework, run) for framework in FRAMEWORKS for run in PARAMS.runs(framework)
    )
    for framework, run in table.index:
        metrics = json.loads((ROOT / f"metrics/{framework}/{run}.json").read_text())
        row = table.loc[framework, run]
        assert row["dataset"] == metrics.pop("dataset")
        # Through CSV and back.
        assert {key: row[key] for key in metrics} == pytest.approx(metrics, rel=1e-12)
        cells = next(
            line for line in TEXT.splitlines() if re.match(rf"\| {framework} +\| {run} +\|", line)
        )
        assert f"{100 * metrics['accuracy']:.2f} " in cells
        assert f"| {metrics['errors']:,} |" in re.sub(" +", " ", cells)


def test_paths_that_the_readme_names_exist():
    block = re.search(r"## Where is what\n\n```\n(.*?)```", TEXT, re.S)[1]
    for line in block.splitlines():
        folder = "digits/" if line.startswith("  ") else ""
        for name in re.split(r"\s{2,}", line.strip())[0].split():
            if name not in ("checkpoints/", "data/", "models/", "tuning/"):
                assert (ROOT / folder / name).exists(), name
    for page in PAGES:
        for target in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text()):
            assert (ROOT / page).parent.joinpath(target).exists(), target


def test_commands_that_the_readme_names_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    text = TEXT + (ROOT / "docs/scaling.md").read_text()
    targets = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)`", text, re.M))
    assert len(targets) > 4
    for target in map("".join, targets):
        assert f"\n{target}: " in makefile, target
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_growth_is_told_in_ratios_and_by_the_memory_that_a_byte_of_the_arrays_takes():
    mib = 2**20
    stages = {
        "preprocess": {
            "seconds": [2.0, 3.0],
            "peak_memory_bytes": [200 * mib, 250 * mib],
            "array_bytes": [50 * mib, 100 * mib],
        },
        "evaluate tf": {
            "seconds": [4.0, 5.0],
            "peak_memory_bytes": [900 * mib, 1000 * mib],
            "array_bytes": [50 * mib, 100 * mib],
        },
    }
    run = {
        "n_runs": 10, "measured_on": "2026-01-01",
        "repro_seconds": 20.0, "dvc_seconds": 2.0, "no_op_seconds": 1.0, "status_seconds": 1.0, "visualize_seconds": 5.0,
        "visualize_peak_memory_bytes": 300 * mib, "figures_bytes": mib, "report_bytes": 2 * mib,
    }  # fmt: skip
    more = run | {
        "n_runs": 200,
        "measured_on": "2026-01-02",
        "repro_seconds": 400.0,
        "dvc_seconds": 80.0,
        "visualize_seconds": 50.0,
    }
    growth = {
        "images": {"times": [1, 8], "minimizer_iterations": 5, "stages": stages},
        "runs": [run, more],
    }
    text = format_growth(growth | {"cores": 2, "processor": "a processor", "threads": 2})
    assert "| preprocess | 2.0 | 1.5 | 200 | 250 | 1.0 |" in text
    assert (
        "Time bends first in preprocess, 1.5 times as long at 8 x; memory in evaluate tf, 2.0 times the arrays."
        in text
    )
    assert "| 200 | 400 | 80.0 | 1.0 | 1.0 | 50 | 300 | 1.0 | 2.0 |" in text
    assert "a stage each, on 2026-01-01 and 2026-01-02; " in text
    assert (
        "With 20 times the runs the repro takes 20 times as long, DVC's part of it 40 times" in text
    )
    tables = [
        [line.count("|") for line in part.splitlines() if line.startswith("|")]
        for part in text.split("\n\n")
    ]
    assert all(len(set(table)) <= 1 for table in tables)  # as many cells in each line
