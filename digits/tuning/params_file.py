"""Rewrite the recipe of one run in params.yaml. Every other byte of the file stays as it is.

A recipe may have one key per line, or be written in braces: `cnn: {architecture: cnn, ...}`.
"""

import io
from collections.abc import Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node

from digits.base.files import rewritten
from digits.base.params import read_params
from digits.errors import InputError
from digits.training.run import Run, load_run


class Edit(NamedTuple):
    """A replacement in a text: text[start:end] becomes `new`."""

    start: int
    end: int
    new: str


def write_recipe(path: Path, run: Run) -> None:
    """Write the run's recipe into params.yaml, without the keys that the recipe leaves unset.

    Raises InputError if this module cannot edit the run's text, for example an alias. The file then
    stays as it was.
    """
    text = path.read_bytes().decode("utf-8")
    section = f"train_{run.framework}"
    values = run.recipe.model_dump(exclude_unset=True)
    with rewritten(path) as partial:
        try:
            new = apply(text, edit_recipe(text, section, run.name, values))
            partial.write_bytes(new.encode("utf-8"))
            check_recipe(path, partial, run)
        except (YAMLError, LookupError, InputError):
            raise InputError(
                f"{path}: could not rewrite {section}.{run.name}; write by hand: {values}"
            ) from None


def check_recipe(old: Path, new: Path, run: Run) -> None:
    """Raise InputError unless the new file has the run's recipe and no other changed value."""
    section = f"train_{run.framework}"
    expected, found = read_params(old), read_params(new)
    del expected[section][run.name], found[section][run.name]
    if found != expected or load_run(run.framework, run.name, new).recipe != run.recipe:
        raise InputError("another value has changed")


def edit_recipe(text: str, section: str, name: str, values: Mapping[str, Any]) -> list[Edit]:
    """Return the edits that set these values in the run's mapping in the text."""
    node, old = YAML().compose(text), YAML(typ="safe").load(text)
    for step in (section, name):
        node, old = entries(node)[step][1], old[step]
    return list(edit_mapping(text, node, old, values))


def entries(node: MappingNode) -> dict[str, tuple[Node, Node]]:
    """Return the nodes of a mapping's keys and values, by key."""
    return {key.value: (key, value) for key, value in node.value}


def edit_mapping(
    text: str, node: MappingNode, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Edit]:
    """Yield the edits that turn the mapping at a node from `old` into `new`. New keys come last."""
    if node.flow_style:
        start, end = node.start_mark.index, node.end_mark.index
        yield Edit(start, end, edit_braces(text[start:end], new))
        return
    kept_until = 0
    for name, (key, value) in entries(node).items():
        start, end = key.start_mark.index, last_index(value)
        if name not in new:
            yield Edit(text.rfind("\n", 0, start) + 1, line_end(text, end) + 1, "")
            continue
        kept_until = end
        if isinstance(value, MappingNode) and isinstance(new[name], dict):
            yield from edit_mapping(text, value, old[name], new[name])
        elif old[name] != new[name]:
            yield Edit(start, end, format_entry(name, new[name]))
    added = {name: value for name, value in new.items() if name not in old}
    yield insert_lines(text, kept_until, node.start_mark.column, added)


def insert_lines(text: str, index: int, column: int, values: Mapping[str, Any]) -> Edit:
    """Return the edit that adds a line for each value after the line at an index."""
    end = line_end(text, index)
    if text[end - 1 : end] == "\r":
        end -= 1
    margin = ("\r\n" if "\r\n" in text else "\n") + " " * column
    lines = [margin + format_entry(name, value) for name, value in values.items()]
    return Edit(end, end, "".join(lines))


def line_end(text: str, index: int) -> int:
    """Return where the line at an index ends: before its newline."""
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def last_index(node: Node) -> int:
    """Return where the text of a node ends. Blank lines and comments after it do not count."""
    if isinstance(node, MappingNode) and node.value and not node.flow_style:
        return last_index(node.value[-1][1])
    index: int = node.end_mark.index
    return index


def apply(text: str, edits: list[Edit]) -> str:
    """Apply edits, which do not overlap, to the text. Edits at one index keep their order."""
    parts, position = [], 0
    for start, end, new in sorted(edits, key=attrgetter("start")):
        parts += [text[position:start], new]
        position = end
    return "".join([*parts, text[position:]])


def format_entry(key: str, value: Any) -> str:
    """Return "key: value". A mapping is written in braces."""
    return edit_braces("{}", {key: value})[1:-1]


def edit_braces(text: str, values: Mapping[str, Any]) -> str:
    """Return a mapping in braces with these values.

    Values that stay are written as they were. New keys come last.
    """
    yaml = YAML()
    yaml.width = 10**6
    mapping = yaml.load(text)
    mapping.fa.set_flow_style()  # ruamel.yaml forgets the braces of an empty mapping
    merge(mapping, values)
    stream = io.StringIO()
    yaml.dump(mapping, stream)
    return stream.getvalue().removesuffix("\n")


def merge(mapping: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Make the mapping equal to the values, and change only what differs."""
    for key in mapping.keys() - values.keys():
        del mapping[key]
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(mapping.get(key), dict):
            merge(mapping[key], value)
        elif key not in mapping or mapping[key] != value:
            mapping[key] = value
