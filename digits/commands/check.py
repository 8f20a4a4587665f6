"""Check the whole of params.yaml.

With --schema it prints the JSON Schema of the file instead. Editors complete and check params.yaml
with it: see docs/editors.md.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import NonNegativeInt, PositiveInt, ValidationError, model_validator

from digits.base.params import (
    FRAMEWORKS,
    PARAMS,
    RunName,
    Section,
    raise_first_fault,
    read_params,
)
from digits.datasets.params import Download
from digits.model.architecture import LAYER_TYPES, Architecture
from digits.pipeline.checkout import check_checkout
from digits.preprocessing.params import Preprocess
from digits.training.params import DESCENT_KEYS, NEEDED_KEYS, Recipe, ScratchRecipe
from digits.training.run import check_run

EXAMPLE = "digits check"
# What editors show beside a key. Pydantic's models have the types and the bounds.
DESCRIPTIONS = {
    "seed": "Of the split, the initial weights, the batches, augmentation and dropout.",
    "threads": "Threads of every framework. The last bits of a result depend on their number.",
    "processes": "Processes of each training in torch and tf. They divide the threads.",
    "device": "For torch and tf. auto: cuda if there is a GPU, else cpu.",
    "portable": "true limits every framework to AVX2, so that processors with it agree.",
    "download": "The stage download: the data set and its source.",
    "preprocess": "The stage preprocess: normalisation, pruning and the splits.",
    "architectures": "Layer lists by name. Any framework can build them.",
    "train_torch": "The runs of PyTorch: a recipe for each name.",
    "train_tf": "The runs of TensorFlow and Keras: a recipe for each name.",
    "train_scratch": "The runs of the NumPy engine: a recipe for each name.",
    "dataset": "uci_digits (1,797 small images) and synthetic need no network.",
    "mirror": "A folder or URL to try first, or a mnist_all.mat. DIGITS_MIRROR takes precedence.",
    "when_unreachable": "What to do if MNIST cannot be downloaded: use synthetic digits, or fail.",
    "normalization": "The range or the distribution of the normalised pixels.",
    "prune_threshold": "Pixels stay only if their variance over the training split exceeds it.",
    "train_size": "Training images. null: all that are not for validation.",
    "validation_size": "Validation images, taken from the training data.",
    "filters": "Output channels.",
    "kernel_size": "Height and width of the kernels, in pixels.",
    "stride": "The step between two windows, in pixels.",
    "padding": "same: zeros keep height and width. valid: no padding.",
    "size": "Height and width of a window, in pixels.",
    "units": "Outputs of the layer.",
    "rate": "The probability that a value is set to zero in training.",
    "architecture": "A name from the section architectures.",
    "initializer": "he suits relu, xavier suits sigmoid.",
    "optimizer": "Only the engine has conjugate_gradient and l_bfgs. They use no mini-batches.",
    "epochs": "Passes over the training split.",
    "batch_size": "Samples of a mini-batch.",
    "learning_rate": "The peak of the schedule.",
    "schedule": "How the learning rate changes with each step.",
    "momentum": "The share of the velocity that each step of sgd keeps.",
    "nesterov": "Nesterov momentum instead of classical momentum.",
    "l2": "The factor of the penalty: half the sum of all squared weights, without biases.",
    "pixels": "all: 28 x 28 images. kept: the pixels that preprocessing has kept, as flat vectors.",
    "label_smoothing": "The share of each target that is spread over all classes.",
    "augmentation": "Random distortions of the training images, redrawn every epoch.",
    "rotation": "Largest rotation, in degrees.",
    "shift": "Largest shift, in pixels.",
    "scale": "0.1: a factor from 1 / 1.1 to 1.1, drawn separately for height and width.",
    "shear": "Largest shear, in degrees.",
    "elastic": "Standard deviation of a pixel's displacement, in pixels.",
    "flip": "Mirror left to right with probability 1/2: for clothes, not for digits.",
}


class Params(Section):
    """All of params.yaml. Each stage reads its own section; this schema checks them together."""

    seed: NonNegativeInt
    threads: PositiveInt
    processes: PositiveInt
    device: Literal["auto", "cpu", "cuda"]
    portable: bool
    download: Download
    preprocess: Preprocess
    architectures: dict[RunName, Architecture]
    train_torch: dict[RunName, Recipe]
    train_tf: dict[RunName, Recipe]
    train_scratch: dict[RunName, ScratchRecipe]

    @model_validator(mode="after")
    def check_runs(self) -> Self:
        """Raise unless every run's architecture exists and fits."""
        for framework in FRAMEWORKS:
            runs: dict[str, Recipe] = getattr(self, f"train_{framework}")
            for name, recipe in runs.items():
                check_run(self.architectures, recipe, where=f"train_{framework}.{name}")
        return self


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "file", nargs="?", type=Path, default=PARAMS, help="the file to check (params.yaml)"
    )
    parser.add_argument(
        "--schema",
        action="store_true",
        help="print the JSON Schema of params.yaml, and check nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check the file, or print the schema; return the exit status."""
    if arguments.schema:
        print(json.dumps(make_schema(), indent=1))
        return 0
    if arguments.file == PARAMS:
        check_checkout()
    check_params(arguments.file)
    return 0


def check_params(path: Path = PARAMS) -> None:
    """Raise InputError with the first fault of the file, in one line."""
    data: Any = read_params(path)
    try:
        Params.model_validate(data)
    except ValidationError as error:
        raise_first_fault(error, (), data, path)


def make_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of params.yaml.

    It finds most of the faults that `check_params` finds. It does not see whether the layers of an
    architecture fit each other, nor whether a run's architecture exists.
    """
    schema = Params.model_json_schema()
    definitions = schema["$defs"]
    for part in (schema, *definitions.values()):
        part["additionalProperties"] = False
        for key, value in part["properties"].items():
            value.pop("title", None)
            value["description"] = DESCRIPTIONS[key]
            if "patternProperties" in value:
                value["additionalProperties"] = False
    for name, layer in LAYER_TYPES.items():
        definitions[layer.__name__] = describe_layer(name, definitions[layer.__name__])
    for recipe in (Recipe, ScratchRecipe):
        part = definitions[recipe.__name__]
        part["allOf"] = list(describe_optimizers(part["properties"]["optimizer"]["enum"]))
    return {"$schema": "http://json-schema.org/draft-07/schema#"} | schema


def describe_layer(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a layer as params.yaml writes it: its name, or its name with options."""
    mapping = {
        "type": "object",
        "properties": {name: options},
        "required": [name],
        "additionalProperties": False,
    }
    if options.get("required"):
        return mapping | {"description": options["description"]}
    alternatives = [{"const": name}, mapping]
    return {"description": options["description"], "anyOf": alternatives}


def describe_optimizers(optimizers: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rule of each optimizer: the keys that it needs, and those that it does not use."""
    for optimizer in optimizers:
        needed = NEEDED_KEYS.get(optimizer, set())
        unused = {"momentum", *DESCENT_KEYS} - needed | (set() if needed else {"augmentation"})
        yield {
            "if": {"properties": {"optimizer": {"const": optimizer}}, "required": ["optimizer"]},
            "then": {
                "required": sorted(needed),
                "properties": {key: {"type": "null"} for key in sorted(unused)},
            },
        }
    yield {
        "if": {"properties": {"nesterov": {"const": True}}, "required": ["nesterov"]},
        "then": {
            "required": ["momentum"],
            "properties": {"momentum": {"type": "number", "exclusiveMinimum": 0}},
        },
    }
