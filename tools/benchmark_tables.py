"""The results of all benchmarks as Markdown, for the docs and for benchmarks/results/<name>.md."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from digits.base.files import read_json
from tools.accuracy_tables import format_seeds, format_synthetic
from tools.growth_tables import format_growth
from tools.speed_tables import (
    format_augmentation,
    format_engine,
    format_pipeline,
    format_portable,
    format_race,
    format_side_by_side,
)

RESULTS = Path("benchmarks/results")
# The functions that turn benchmarks/results/<name>.json into Markdown.
FORMATS: dict[str, Callable[[Any], str]] = {
    "augmentation": format_augmentation,
    "engine": format_engine,
    "growth": format_growth,
    "pipeline": format_pipeline,
    "portable": format_portable,
    "race": format_race,
    "seeds": format_seeds,
    "side_by_side": format_side_by_side,
    "synthetic": format_synthetic,
}


def format_benchmark(name: str, root: Path) -> str:
    """Return a benchmark's result as Markdown, or how to measure it."""
    path = root / RESULTS / f"{name}.json"
    if not path.exists():
        return f"Not measured yet; run `python -m benchmarks.{name}`."
    return FORMATS[name](read_json(path))


def format_page(name: str, root: Path) -> str:
    """Return benchmarks/results/<name>.md."""
    source = f"Generated from {name}.json by `python -m tools.measured_docs`."
    return f"# `python -m benchmarks.{name}`\n\n{source}\n\n{format_benchmark(name, root)}\n"
