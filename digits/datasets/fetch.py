"""Fetch a data set by its name: from its published files, a mirror, or code that draws it."""

import os
import socket
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from digits.datasets.matlab import find_mat, read_mat
from digits.datasets.mnist_forms import IDX_FILES, IDX_NAMES, find_form, read_form
from digits.datasets.params import Download
from digits.datasets.source import TIMEOUT_SECONDS, Source
from digits.errors import InputError

# The endings of files that hold all of MNIST.
SINGLE_FILES = (".mat", ".npz", ".arff", ".parquet")


def fetch(dataset: str, mirror: str | None, folder: Path) -> Source:
    """Return the data set from `mirror`, or else from the published addresses.

    If the mirror has MNIST in another form than the published files, no other address is tried.
    Downloads are stored in `folder`. Raises InputError: its subclass Unreachable if no address has
    the data set. Only the source in use imports its libraries.
    """
    if dataset == "uci_digits":
        from digits.datasets.uci_digits import read_uci_digits

        return read_uci_digits()
    if dataset == "synthetic":
        from digits.datasets.synthetic import make_synthetic_digits

        return make_synthetic_digits()
    mirror = mirror and resolve_mirror(mirror, folder)
    if mirror and dataset == "mnist" and "://" not in mirror:
        if mat := find_mat(Path(mirror)):
            return read_mat(mat)
        if form := find_form(Path(mirror)):
            return read_form(form)
    from digits.datasets.torchvision_files import fetch_torchvision  # imports PyTorch: seconds

    return fetch_torchvision(dataset, mirror, folder)


def resolve_mirror(mirror: str, folder: Path) -> str:
    """Return the mirror as a path or a URL of a folder.

    A file:// URL and ~ become paths. The file of a URL that names one, and the files of a folder's
    URL with a query, are downloaded to `folder`. Raises InputError if that fails.
    """
    if "://" not in mirror:
        return str(Path(mirror).expanduser())
    url = urlsplit(mirror)
    if url.scheme == "file":
        return url2pathname(url.path)
    place = PurePosixPath(url.path)
    if place.suffix in SINGLE_FILES:
        names, target = {mirror: place.name}, folder / "mirror" / place.name
    elif url.query:
        published = [f"{IDX_NAMES[split]}-{kind}-ubyte.gz" for split, kind in IDX_FILES]
        paths = {name: f"{url.path.rstrip('/')}/{name}" for name in published}
        names = {urlunsplit(url._replace(path=path)): name for name, path in paths.items()}
        target = folder / "mirror"
    else:
        return mirror
    from digits.datasets.torchvision_datasets import download_url  # imports PyTorch: seconds

    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    for address, name in names.items():
        try:
            download_url(address, folder / "mirror", name)
        except (OSError, HTTPException, RuntimeError) as error:
            raise InputError(f"could not download {address}: {error}") from None
    return str(target)


def own_mirror(options: Download) -> str | None:
    """Return the mirror to try first: DIGITS_MIRROR of the environment, else params.yaml's."""
    return os.environ.get("DIGITS_MIRROR") or options.mirror
