"""A point of a search: values for some keys of a run's recipe, and the run with these values.

A dot in a key selects from a nested mapping: {"learning_rate": 0.004, "augmentation.rotation": 7}.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from digits.base.params import PARAMS, RunName, format_fault, load_section
from digits.errors import InputError
from digits.model.architecture import Architecture
from digits.training.params import Recipe
from digits.training.run import Run, check_run

Point = dict[str, Any]


def format_point(point: Point) -> str:
    """Return a point's keys and values: "learning_rate 0.004, batch_size 64"."""
    return ", ".join(f"{key} {format_scalar(value)}" for key, value in point.items())


def format_scalar(value: Any) -> str:
    """Return a value as YAML writes it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def value_at(recipe: Recipe, key: str) -> Any:
    """Return a recipe's value at a key; None if there is none."""
    value: Any = recipe.model_dump()
    for step in key.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def load_architectures(path: Path = PARAMS, data: Any = None) -> dict[str, Architecture]:
    """Return all architectures of params.yaml by name; raise InputError if one has a fault.

    `data` is what `read_params` returned, if the file was read already.
    """
    architectures: dict[str, Architecture] = load_section(
        dict[RunName, Architecture], "architectures", path=path, data=data
    )
    return architectures


def with_values(
    run: Run,
    point: Point,
    architectures: Mapping[str, Architecture],
    drop_unused: bool = False,
) -> Run:
    """Return the run with the point's values; raise InputError if that is not a valid run.

    With `drop_unused`, the keys that the point's optimizer does not use are left out. Without it,
    they are an error.
    """
    values = run.recipe.model_dump(exclude_unset=True)
    insert(values, point)
    section = f"train_{run.framework}"
    while True:
        try:
            recipe = type(run.recipe).model_validate(values)
            check_run(architectures, recipe, f"{section}.{run.name}")
        except ValidationError as error:
            fault = error.errors()[0]
            unused = unused_key(fault)
            if not (drop_unused and unused):
                located = cast(ErrorDetails, {**fault, "loc": (section, run.name, *fault["loc"])})
                text = format_fault(located, {section: {run.name: values}})
                raise InputError(f"--try: {text}") from None
            del values[unused]
        except ValueError as error:
            raise InputError(f"--try: {error}") from None
        else:
            return replace(run, recipe=recipe, layers=architectures[recipe.architecture])


def insert(values: dict[str, Any], point: Point) -> None:
    """Set a point's values in a recipe. A nested mapping is created where there is none."""
    for key, value in point.items():
        *steps, leaf = key.split(".")
        mapping = values
        for step in steps:
            if not isinstance(mapping.get(step), dict):
                mapping[step] = {}
            mapping = mapping[step]
        mapping[leaf] = value


def unused_key(fault: ErrorDetails) -> str:
    """Return the key if the fault is that the optimizer does not use it, else ""."""
    context = fault.get("ctx", {})
    return str(context["key"]) if fault["type"] == "key" and "optimizer" in context else ""
