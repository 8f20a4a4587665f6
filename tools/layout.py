"""The list of the code in docs/layout.md: one line for each package and module.

The line is the first sentence of its docstring. The packages of digits/ are in the order of the
import rules in pyproject.toml, the lowest layer first. A package imports only from the layers above
it in the list.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from digits.errors import InputError
from tools.markdown import read_text
from tools.sentences import split_sentences

# The folders with code beside digits/, in the order of the page.
FOLDERS = ("stages", "examples", "benchmarks", "tools", "requirements")
# Folders of programs that are not packages. They have no docstring.
PROGRAMS = {
    "examples": "Programs that fit on one screen.",
    "requirements": "Pinned packages, and the program that installs them.",
}


def format_layout(root: Path) -> str:
    """Return the list as Markdown, with links for a page in docs/."""
    lines = [format_line(root, root / "digits", "")]
    for path in list_floors(root):
        lines.extend(format_tree(root, path, indent="  "))
    for folder in FOLDERS:
        lines.extend(format_tree(root, root / folder, indent=""))
    return "\n".join(lines)


def list_floors(root: Path) -> list[Path]:
    """Return the packages and modules of digits/, the lowest layer of pyproject.toml first."""
    settings = tomllib.loads(read_text(root / "pyproject.toml"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "floors")
    names = [name for layer in reversed(layers) for name in re.split(r" [|:] ", layer)]
    paths = [root.joinpath(*name.split(".")) for name in names if name.startswith("digits.")]
    return [path if path.is_dir() else path.with_suffix(".py") for path in paths]


def format_tree(root: Path, path: Path, indent: str) -> Iterator[str]:
    """Yield the line of a package or module, then those of what it holds."""
    yield format_line(root, path, indent)
    if path.is_dir():
        for inner in sorted(path.iterdir()):
            if inner.suffix == ".py" and inner.name != "__init__.py":
                yield format_line(root, inner, f"{indent}  ")
        for inner in sorted(path.iterdir()):
            if (inner / "__init__.py").exists():
                yield from format_tree(root, inner, f"{indent}  ")


def format_line(root: Path, path: Path, indent: str) -> str:
    """Return a list item: a link to the package or module, and what its docstring says first."""
    relative = path.relative_to(root).as_posix()
    name = f"{relative}/" if path.is_dir() else path.name
    summary = PROGRAMS.get(relative) or summarize(path)
    return f"{indent}* [`{name}`](../{relative}): {summary}"


def summarize(path: Path) -> str:
    """Return the first sentence of a package's or module's docstring, as Markdown."""
    source = path / "__init__.py" if path.is_dir() else path
    docstring = ast.get_docstring(ast.parse(read_text(source)))
    if not docstring:
        raise InputError(f"{source}: has no docstring; docs/layout.md shows its first sentence")
    first = split_sentences(" ".join(docstring.split("\n\n")[0].split()))[0]
    return escape(first)


def escape(text: str) -> str:
    """Return text in which Markdown finds no HTML and no emphasis, except in inline code."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([<*])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)
