"""The measured parts of README.md and of the pages in docs/, written from tracked files: no figure
there is typed by hand.

python -m tools.measured_docs
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from digits.base.files import read_json, write_text
from digits.errors import InputError, one_line_errors
from digits.reporting.results import TITLES
from digits.reporting.tables import as_markdown
from tools import benchmark_tables as benchmarks

# The markers of each page: what stands between <!-- name --> and <!-- /name --> is made anew.
PAGES = {
    "README.md": (
        "results",
        "seeds",
        "race",
        "stand_in",
        "graph",
        "timing",
        "engine",
        "augmentation",
    ),
    "docs/scaling.md": ("side_by_side", "growth"),
}
# Of benchmarks/<name>.json.
BENCHMARKS: dict[str, Callable[[Any], str]] = {
    "augmentation": benchmarks.format_augmentation,
    "engine": benchmarks.format_engine,
    "growth": benchmarks.format_growth,
    "pipeline": benchmarks.format_timing,
    "race": benchmarks.format_race,
    "seeds": benchmarks.format_seeds,
    "side_by_side": benchmarks.format_side_by_side,
    "stand_in": benchmarks.format_stand_in,
}


def main() -> None:
    for page in PAGES:
        write_text(Path(page), render(page, Path(page).read_text(encoding="utf-8"), Path()))


def render(page: str, text: str, root: Path) -> str:
    """Return the page's text with what stands between its markers made anew."""
    for name in PAGES[page]:
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise InputError(
                f"{page}: expected the markers <!-- {name} --> and <!-- /{name} --> once, in this order"
            )
        text = text.split(begin)[0] + begin + content(name, root) + end + text.split(end)[1]
    return text


def content(name: str, root: Path) -> str:
    """Return what is measured under a marker's name."""
    if name == "results":
        return format_results(pd.read_csv(root / "plots/with_times/results.csv"))
    if name == "graph":
        return format_graph(root)
    source = "pipeline" if name == "timing" else name
    path = root / f"benchmarks/{source}.json"
    return (
        BENCHMARKS[source](read_json(path))
        if path.exists()
        else f"Not measured yet: `python -m benchmarks.{source}` does."
    )


def format_results(table: pd.DataFrame) -> str:
    """Return the results table with the machine and the versions that it was measured with."""
    if set(table["dataset"]) != {"mnist"}:
        raise InputError(
            f"plots/with_times/results.csv: is of {', '.join(set(table['dataset']))}; README.md shows results on mnist only"
        )
    first = table.iloc[0]
    libraries = "; ".join(
        sorted(
            {
                row.library if row.device == "cpu" else f"{row.library} on {row.device}"
                for row in table.itertuples()
            }
        )
    )
    return (
        f"{as_markdown(table)}\n\n"
        f"{TITLES[first['dataset']]}, all {first['n_samples']:,} test images, one training a row (n = 1), seed {first['seed']}. "
        f"The interval is that of the test set's sampling (Wilson, 95 %); what another seed would change is not in it. "
        f"Runs that share a letter under “alike” do not differ significantly at 5 % (McNemar's exact test on the same images, Holm's correction). "
        f"Training time leaves out Python's start and the scoring of the validation split.\n"
        f"Measured on {first['cores']} cores ({first['processor']}), {first['threads']} threads, Python {first['python']}; {libraries}."
    )


def format_graph(root: Path) -> str:
    """Return DVC's graph of the stages as a Mermaid diagram."""
    command = [sys.executable, "-m", "dvc", "dag", "--md", "--collapse-foreach-matrix"]
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    with one_line_errors():
        main()
