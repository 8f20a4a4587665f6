"""Write what was measured into README.md, the pages in docs/ and benchmarks/results/<name>.md.

python -m tools.measured_docs

All of it comes from tracked files: no number there is typed by hand.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from digits.base.files import write_text
from digits.errors import InputError, one_line_errors
from digits.reporting.results import TITLES
from digits.reporting.tables import as_markdown
from tools.benchmark_tables import FORMATS, RESULTS, format_benchmark, format_page
from tools.markdown import format_machine

# The markers of each page: the text between <!-- name --> and <!-- /name --> is generated.
PAGES = {
    "README.md": (
        "results",
        "seeds",
        "race",
        "synthetic",
        "graph",
        "timing",
        "engine",
        "augmentation",
    ),
    "docs/scaling.md": ("side_by_side", "growth"),
}
LEADERBOARD = Path("plots/timing/results.csv")


def main() -> None:
    for page in PAGES:
        write_text(Path(page), render(page, Path(page).read_text(encoding="utf-8"), Path()))
    for name in FORMATS:
        if (RESULTS / f"{name}.json").exists():
            write_text(RESULTS / f"{name}.md", format_page(name, Path()))


def render(page: str, text: str, root: Path) -> str:
    """Return the page's text with new content between its markers."""
    for name in PAGES[page]:
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise InputError(
                f"{page}: expected the markers <!-- {name} --> and <!-- /{name} --> once, "
                "in this order"
            )
        before, after = text.split(begin)[0], text.split(end)[1]
        text = before + begin + content(name, root) + end + after
    return text


def content(name: str, root: Path) -> str:
    """Return the text for a marker."""
    if name == "results":
        return format_results(pd.read_csv(root / LEADERBOARD))
    if name == "graph":
        return format_graph(root)
    return format_benchmark("pipeline" if name == "timing" else name, root)


def format_results(table: pd.DataFrame) -> str:
    """Return the results table with the machine and the versions that it was measured with."""
    datasets = set(table["dataset"])
    if datasets != {"mnist"}:
        raise InputError(
            f"{LEADERBOARD}: is of {', '.join(sorted(datasets))}; "
            "README.md shows results on mnist only"
        )
    first: dict[str, Any] = table.iloc[0].to_dict()
    libraries = sorted({name_library(row) for row in table.to_dict("records")})
    return (
        f"{as_markdown(table)}\n\n"
        f"{TITLES[first['dataset']]}, all {first['n_samples']:,} test images, one training per row "
        f"(n = 1), seed {first['seed']}. The interval is Wilson's, 95 %, and covers the sampling "
        "of the test set. It does not cover what another seed would change. Runs that share a "
        "letter under “group” do not differ significantly at 5 % (McNemar's exact test on the same "
        "images, Holm's correction). Training time is without Python's start and without the "
        "scoring of the validation split.\n"
        f"Measured on {format_machine(first)}, {first['threads']} threads, "
        f"Python {first['python']}; {'; '.join(libraries)}."
    )


def name_library(row: dict[str, Any]) -> str:
    """Return the libraries that trained a run, and the device if it is not the processor."""
    library: str = row["library"]
    return library if row["device"] == "cpu" else f"{library} on {row['device']}"


def format_graph(root: Path) -> str:
    """Return DVC's graph of the stages as a Mermaid diagram."""
    command = [sys.executable, "-m", "dvc", "dag", "--md", "--collapse-foreach-matrix"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    with one_line_errors():
        main()
