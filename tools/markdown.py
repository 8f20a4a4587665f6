"""Markdown that all tables share, and the generated parts of a page."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from digits.errors import InputError

MIB = 2**20
# The text between <!-- name --> and <!-- /name --> is generated.
GENERATED = re.compile(r"<!-- (\w+) -->\n.*?<!-- /\1 -->", re.DOTALL)


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]], n_texts: int) -> str:
    """Return a Markdown table; all but the first `n_texts` columns are aligned to the right."""
    rules = ["---"] * n_texts + ["---:"] * (len(head) - n_texts)
    lines = [format_row(head), f"|{'|'.join(rules)}|"]
    return "\n".join(lines + [format_row(row) for row in rows])


def format_row(cells: Sequence[str]) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def format_spread(spread: Mapping[str, float], decimals: int) -> str:
    """Return "2.5 (2.0 to 3.1)" for a median, a low and a high value."""
    middle, low, high = (f"{spread[key]:,.{decimals}f}" for key in ("median", "low", "high"))
    return f"{middle} ({low} to {high})"


def format_machine(measured: Mapping[str, Any]) -> str:
    """Return "2 cores (processor, instruction set)" of what a benchmark ran on."""
    names = [measured["processor"], measured.get("instructions")]
    return f"{measured['cores']} cores ({', '.join(name for name in names if name)})"


def format_mib(n_bytes: float) -> str:
    """Return a number of bytes in MiB."""
    return f"{n_bytes / MIB:,.0f}"


def read_text(path: Path) -> str:
    """Return the text of a file; raise InputError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def hide_generated(text: str) -> str:
    """Return a page's text with its generated parts blank. Lines keep their numbers."""
    return GENERATED.sub(lambda part: "\n" * part[0].count("\n"), text)
