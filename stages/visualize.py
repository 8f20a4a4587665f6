"""Visualize: draw and tabulate the results.

Reads params.yaml, metrics/, data/evaluation/, models/, data/processed/preprocessing.json, the
training split and the raw test images. Writes plots/: figures/, long tables for `dvc plots show`,
timing/ with all that holds wall-clock times, and report.html with all figures and results.
"""

from pathlib import Path

from tqdm import tqdm

from digits.base.files import rewritten, write_text
from digits.errors import one_line_errors
from digits.reporting.figures.style import write_figure
from digits.reporting.findings import load_findings
from digits.reporting.outputs import FIGURES, TABLES
from digits.reporting.report import render_report
from digits.reporting.tables import as_markdown
from digits.training.run import load_runs

PLOTS = Path("plots")


def main() -> None:
    findings = load_findings(load_runs())
    for name, make_table in TABLES.items():
        write_text(PLOTS / f"{name}.csv", make_table(findings).to_csv(index=False))
    write_text(PLOTS / "timing/results.md", as_markdown(findings.ranking) + "\n")
    figures = {}
    for name, plot in tqdm(FIGURES.items(), desc="visualize", unit="figure", disable=None):
        path = PLOTS / f"{name}.png"
        with rewritten(path) as partial:
            write_figure(partial, plot(findings))
        figures[path.stem] = path
    write_text(PLOTS / "report.html", render_report(findings, figures))


if __name__ == "__main__":
    with one_line_errors():
        main()
