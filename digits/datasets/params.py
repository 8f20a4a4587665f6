"""The section `download` of params.yaml."""

from pathlib import Path
from typing import Any, Literal

from digits.base.params import PARAMS, Section, load_section

Dataset = Literal["mnist", "fashion_mnist", "kmnist", "emnist_digits", "uci_digits", "stand_in"]


class Download(Section):
    """Which data set, from where, and what to do if it cannot be downloaded."""

    dataset: Dataset
    mirror: str | None
    when_unreachable: Literal["stand_in", "fail"]


def load_download(path: Path = PARAMS, data: Any = None) -> Download:
    """Return the section; raise InputError with its first fault."""
    section: Download = load_section(Download, "download", path=path, data=data)
    return section
