"""Replace synthetic digits by the real ones.

If MNIST could not be downloaded, the pipeline drew synthetic digits instead. To DVC that download
is done, so it would never try again.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from digits.errors import InputError

EXAMPLE = "digits refetch"
DATASET = Path("data/raw/dataset.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Replace the digits if there is anything to replace; return the exit status."""
    from digits.pipeline.checkout import check_checkout

    check_checkout()
    replace_synthetic_digits()
    return 0


def replace_synthetic_digits() -> None:
    """Download MNIST if synthetic digits replaced it; keep these if it cannot be downloaded.

    Raises InputError if the stage that stores it fails.
    """
    from digits.base.files import read_json
    from digits.datasets.params import load_download

    wanted = load_download()
    if wanted.dataset != "mnist" or not DATASET.exists():
        return
    if read_json(DATASET)["dataset"] != "synthetic":
        return
    print("synthetic digits replace mnist: trying to download mnist again", file=sys.stderr)
    from digits.datasets.fetch import fetch, own_mirror
    from digits.pipeline.checkout import hash_code, run_dvc

    try:
        with tempfile.TemporaryDirectory() as folder:
            fetch(wanted.dataset, own_mirror(wanted), Path(folder))
    except InputError as error:
        print(f"the synthetic digits stay: {error}", file=sys.stderr)
        return
    hash_code()
    if run_dvc("repro", "--force", "--single-item", "download"):
        raise InputError("dvc repro failed to download mnist again; see above")
