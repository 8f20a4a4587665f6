"""Fetch a data set by its name: from its published files, a mirror, or code that draws it."""

import os
from pathlib import Path

from digits.datasets.matlab import find_mat, read_mat
from digits.datasets.params import Download
from digits.datasets.source import Source


def fetch(dataset: str, mirror: str | None, folder: Path) -> Source:
    """Return the data set from `mirror`, or else from the published addresses.

    If the mirror has a MATLAB file, no other address is tried. Downloads are stored in `folder`.
    Raises InputError: its subclass Unreachable if no address has the data set. Only the source in
    use imports its libraries.
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
    """Return the mirror to try first: DIGITS_MIRROR of the environment, else params.yaml's."""
    return os.environ.get("DIGITS_MIRROR") or options.mirror
