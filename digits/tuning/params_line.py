"""A run's line of params.yaml, `cnn: {architecture: cnn, ...}`, written anew: every other byte of
the file stays as it is.
"""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.nodes import MappingNode

from digits.base.files import rewritten
from digits.errors import InputError
from digits.training.params import Recipe, load_params


def write_recipe(path: Path, framework: str, run: str, recipe: Recipe) -> None:
    """Give the run in params.yaml this recipe; raise InputError, and leave the file alone, where
    the run is not in braces.

    What the recipe leaves to its defaults is not written.
    """
    text = path.read_bytes().decode("utf-8")
    section = f"train_{framework}"
    try:
        node = find_mapping(text, section, run)
        start, end = node.start_mark.index, node.end_mark.index
        written = update(text[start:end], recipe.model_dump(exclude_unset=True))
    except YAMLError:
        raise InputError(
            f"{path}: {section}.{run} is not one mapping in braces; write by hand: {recipe.model_dump(exclude_unset=True)}"
        ) from None
    with rewritten(path) as partial:
        partial.write_bytes((text[:start] + written + text[end:]).encode("utf-8"))
        if load_params(partial).recipe(framework, run) != recipe:
            raise InputError(
                f"{path}: {section}.{run} could not be rewritten; write by hand: {recipe.model_dump(exclude_unset=True)}"
            )


def find_mapping(text: str, section: str, run: str) -> MappingNode:
    """Return the node of a run's mapping; raise YAMLError where it is not in braces."""
    node = YAML().compose(text)
    for step in (section, run):
        node = next(value for key, value in node.value if key.value == step)
    if not (isinstance(node, MappingNode) and node.flow_style):
        raise YAMLError
    return node


def update(line: str, values: dict[str, Any]) -> str:
    """Return a mapping in braces with these values; what stays is written as it was, and what is
    new comes last.
    """
    yaml = YAML()
    yaml.width = 10**6
    mapping = yaml.load(line)
    merge(mapping, values)
    stream = io.StringIO()
    yaml.dump(mapping, stream)
    return stream.getvalue().removesuffix("\n")


def merge(mapping: dict[str, Any], values: dict[str, Any]) -> None:
    for key in mapping.keys() - values.keys():
        del mapping[key]
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(mapping.get(key), dict):
            merge(mapping[key], value)
        elif key not in mapping or mapping[key] != value:
            mapping[key] = value
