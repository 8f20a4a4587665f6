"""Check the whole of params.yaml."""

import argparse
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
from digits.model.architecture import Architecture
from digits.pipeline.checkout import check_checkout
from digits.preprocessing.params import Preprocess
from digits.training.params import Recipe, ScratchRecipe
from digits.training.run import check_run

EXAMPLE = "digits check"


class Params(Section):
    """params.yaml as a whole. A stage reads its own section; this schema checks them together."""

    seed: NonNegativeInt
    threads: PositiveInt
    processes: PositiveInt
    device: Literal["auto", "cpu", "cuda"]
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


def run(arguments: argparse.Namespace) -> int:
    """Check the file; return the exit status."""
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
