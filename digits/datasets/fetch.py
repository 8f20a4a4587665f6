"""Fetch a data set by its name: from its published files, a mirror, or code that draws it."""

import os
from pathlib import Path

from digits.datasets.matlab import find_mat, read_mat
from digits.datasets.params import Download
from digits.datasets.source import Source


def fetch(dataset: str, mirror: str | None, folder: Path) -> Source:
    """Return the data set, from `mirror` if it has it and otherwise from the published addresses.

    Downloads are stored in `folder`. Raises InputError; its subclass Unreachable if no mirror has
    the data set. A source's libraries are imported only if the source is used.
    """
    if dataset == "uci_digits":
        from digits.datasets.uci_digits import read_uci_digits

        return read_uci_digits()
    if dataset == "synthetic":
        from digits.datasets.synthetic import make_synthetic_digits

        return make_synthetic_digits()
    if mirror and dataset == "mnist" and (mat := find_mat(mirror, folder)):
        return read_mat(mat)
    from digits.datasets.torchvision_files import fetch_torchvision  # imports PyTorch: seconds

    return fetch_torchvision(dataset, mirror, folder)


def own_mirror(options: Download) -> str | None:
    """Return the mirror to try first: the environment's DIGITS_MIRROR, or that of params.yaml."""
    return os.environ.get("DIGITS_MIRROR") or options.mirror
