"""A run: one framework that trains one architecture with one recipe, as set in params.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from digits.base.params import (
    FRAMEWORKS,
    PARAMS,
    Framework,
    load_global,
    load_run_names,
    load_section,
    read_params,
)
from digits.errors import InputError
from digits.model.architecture import Architecture, Shape, ShapeError, infer_shapes
from digits.training.params import RECIPE_TYPES, Recipe

IMAGE_SHAPE: Shape = (28, 28, 1)
N_PIXELS = 28 * 28
N_CLASSES = 10
GLOBALS = ("seed", "threads", "processes", "device")  # the settings outside all sections


@dataclass(frozen=True)
class Run:
    """One training: its recipe, its architecture, its seed and its resources.

    `layers` is the recipe's architecture. `threads` are divided among the `processes`.
    """

    framework: Framework
    name: str
    recipe: Recipe
    layers: Architecture
    seed: int
    threads: int
    processes: int
    device: Literal["auto", "cpu", "cuda"]

    @property
    def title(self) -> str:
        """The run's name in messages and paths: "torch/cnn"."""
        return f"{self.framework}/{self.name}"

    @property
    def architecture(self) -> str:
        """The architecture's name."""
        return self.recipe.architecture

    def describe(self) -> dict[str, Any]:
        """Return the recipe as JSON data, with the layers in place of the architecture's name."""
        return self.recipe.model_dump() | {"architecture": describe_layers(self.layers)}


def load_run(framework: str, name: str, path: Path = PARAMS, data: Any = None) -> Run:
    """Return one run; raise InputError if params.yaml lacks it or has an invalid value in it.

    It checks only the settings that the run reads. `data` is the result of `read_params`; None:
    read the file.
    """
    data = read_params(path) if data is None else data
    section = f"train_{framework}"
    names = load_run_names(framework, path, data)
    if name not in names:
        expected = ", ".join(names)
        raise InputError(f"{path}: {section} has no run {name!r}; expected one of: {expected}")
    recipe = load_section(RECIPE_TYPES[framework], section, name, path=path, data=data)
    layers = load_layers(recipe.architecture, f"{section}.{name}", path, data)
    try:
        check_layers(layers, recipe, where=f"{section}.{name}")
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    settings = {key: load_global(key, path, data) for key in GLOBALS}
    return Run(framework, name, recipe, layers, **settings)  # type: ignore[arg-type]


def load_runs(framework: str | None = None, path: Path = PARAMS, data: Any = None) -> list[Run]:
    """Return all runs, or those of one framework, in the order of params.yaml."""
    data = read_params(path) if data is None else data
    frameworks = [framework] if framework else FRAMEWORKS
    runs = []
    for framework_name in frameworks:
        names = load_run_names(framework_name, path, data)
        runs += [load_run(framework_name, name, path, data) for name in names]
    return runs


def load_layers(
    architecture: str, where: str, path: Path = PARAMS, data: Any = None
) -> Architecture:
    """Return the layers of an architecture; raise InputError if it is missing or invalid.

    `where` is the place of the run that names the architecture; the error quotes it.
    """
    data = read_params(path) if data is None else data
    known = load_section(dict[str, Any], "architectures", path=path, data=data)
    if architecture not in known:
        raise InputError(f"{path}: {missing_architecture(architecture, known, where)}")
    layers: Architecture = load_section(
        Architecture, "architectures", architecture, path=path, data=data
    )
    return layers


def missing_architecture(architecture: str, known: Mapping[str, Any], where: str) -> str:
    """Return the text of the error for a run with an unknown architecture."""
    return f"{where}.architecture is {architecture!r}; expected one of: {', '.join(known)}"


def check_run(architectures: Mapping[str, Architecture], recipe: Recipe, where: str) -> None:
    """Raise ValueError unless the recipe's architecture exists and fits its pixels and classes."""
    if recipe.architecture not in architectures:
        raise ValueError(missing_architecture(recipe.architecture, architectures, where))
    check_layers(architectures[recipe.architecture], recipe, where)


def check_layers(layers: Architecture, recipe: Recipe, where: str) -> None:
    """Raise ValueError unless the layers turn the recipe's pixels into the classes' logits."""
    input_shape = IMAGE_SHAPE if recipe.pixels == "all" else (N_PIXELS,)
    name = recipe.architecture
    try:
        output_shape = infer_shapes(layers, input_shape)[-1]
    except ShapeError as error:
        raise ValueError(f"architectures.{name}{error} (run {where})") from None
    if output_shape != (N_CLASSES,):
        found = " x ".join(map(str, output_shape))
        expected = f"expected {N_CLASSES}; end it with dense: {{units: {N_CLASSES}}}"
        raise ValueError(f"architectures.{name} has {found} outputs; {expected}")


def describe_layers(layers: Architecture) -> list[Any]:
    """Return the layers as params.yaml writes them, with every option."""
    return [layer.as_data() for layer in layers]
