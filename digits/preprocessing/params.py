"""The section `preprocess` of params.yaml."""

from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveInt

from digits.base.params import PARAMS, NonNegativeFloat, Section, load_section


class Preprocess(Section):
    """How images are normalised, which pixels are pruned, and how large the splits are."""

    normalization: Literal["zero_one", "minus_one_one", "standardize"]
    prune_threshold: NonNegativeFloat
    train_size: PositiveInt | None
    validation_size: PositiveInt


def load_preprocess(path: Path = PARAMS, data: Any = None) -> Preprocess:
    """Return the section; raise InputError with its first fault."""
    section: Preprocess = load_section(Preprocess, "preprocess", path=path, data=data)
    return section
