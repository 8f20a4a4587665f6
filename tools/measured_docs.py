"""Write the generated parts of README.md and docs/, and benchmarks/results/<name>.md.

python -m tools.measured_docs

The parts are the measured results, DVC's graph and the list of the code. All of them come from
tracked files, so no number is typed by hand.
"""

import subprocess
import sys
from pathlib import Path

from digits.base.files import write_text
from digits.errors import InputError, one_line_errors
from tools.benchmark_tables import FORMATS, RESULTS, format_benchmark, format_page
from tools.layout import format_layout
from tools.markdown import read_text
from tools.results_tables import format_leaderboard, format_results, read_results

RESULTS_TABLE = Path("plots/timing/results.csv")
# The markers of each page: the text between <!-- name --> and <!-- /name --> is generated.
PAGES = {
    "README.md": ("leaderboard",),
    "docs/data.md": ("synthetic",),
    "docs/dependencies.md": ("graph", "timing"),
    "docs/engine.md": ("engine",),
    "docs/layout.md": ("layout",),
    "docs/reproducibility.md": ("portable",),
    "docs/results.md": ("results", "seeds", "race", "augmentation"),
    "docs/scaling.md": ("side_by_side", "growth"),
}


def main() -> None:
    for page in PAGES:
        write_text(Path(page), render(page, read_text(Path(page)), Path()))
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
    if name in ("leaderboard", "results"):
        table = read_results(root / RESULTS_TABLE)
        return format_leaderboard(table) if name == "leaderboard" else format_results(table)
    if name == "graph":
        return format_graph(root)
    if name == "layout":
        return format_layout(root)
    return format_benchmark("pipeline" if name == "timing" else name, root)


def format_graph(root: Path) -> str:
    """Return DVC's graph of the stages as a Mermaid diagram."""
    command = [sys.executable, "-m", "dvc", "dag", "--md", "--collapse-foreach-matrix"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    with one_line_errors():
        main()
