"""Every figure is drawn, for any number of runs, with the same bytes each time."""

from pathlib import Path

import pytest

from digits.reporting.captions import CAPTIONS
from digits.reporting.figures.style import write_figure
from digits.reporting.outputs import FIGURES, TABLES
from tests.support.figures import texts
from tests.support.findings import make_findings

RUNS = [
    ("torch", "cnn", 6),
    ("torch", "mlp", 7),
    ("tf", "cnn", 8),
    ("scratch", "cnn", 9),
    ("scratch", "mlp_sigmoid", 10),
]
# Their cells and images are about pairs of runs, all runs together, or none.
WITHOUT_EVERY_NAME = {"figures/comparisons", "figures/shared_mistakes", "figures/pruned_pixels"}


@pytest.mark.parametrize("n_runs", [1, 4, 5])
def test_every_figure_names_the_data_and_every_run(n_runs):
    findings = make_findings(RUNS[:n_runs])
    for name, plot in FIGURES.items():
        found = texts(plot(findings)).replace("\n", " ")
        assert "MNIST" in found, name
        if name not in WITHOUT_EVERY_NAME:
            assert all(result.name in found for result in findings.results), name


@pytest.mark.slow
def test_same_measurements_same_bytes(tmp_path):
    def contents() -> dict[str, bytes]:
        findings = make_findings(RUNS[:2])
        for name, plot in FIGURES.items():
            write_figure(tmp_path / Path(name).name, plot(findings))
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    first = contents()
    assert len(first) == 11
    assert contents() == first


def test_every_figure_is_in_the_report():
    assert {Path(name).name for name in FIGURES} == CAPTIONS.keys()


def test_only_timing_holds_times():
    findings = make_findings(RUNS)
    for name, make_table in TABLES.items():
        assert ("train_seconds" in make_table(findings)) == name.startswith("timing/"), name
