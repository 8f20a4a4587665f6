"""The section `download` of params.yaml."""

import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from digits.base.params import PARAMS, Section, load_section

Dataset = Literal["mnist", "fashion_mnist", "kmnist", "emnist_digits", "uci_digits", "synthetic"]


class Download(Section):
    """Which data set, from where, and what to do if it cannot be downloaded."""

    dataset: Dataset
    mirror: str | None
    when_unreachable: Literal["synthetic", "fail"]

    @field_validator("dataset", "when_unreachable", mode="before")
    @classmethod
    def accept_former_name(cls, value: Any, info: ValidationInfo) -> Any:
        """Return 'synthetic' for its former name 'stand_in', and print a warning."""
        if value != "stand_in":
            return value
        name = f"download.{info.field_name}"
        sys.stderr.write(
            f"warning: params.yaml: {name} is 'stand_in', which is now called 'synthetic'\n"
        )
        return "synthetic"


def load_download(path: Path = PARAMS, data: Any = None) -> Download:
    """Return the section; raise InputError with its first fault."""
    section: Download = load_section(Download, "download", path=path, data=data)
    return section
