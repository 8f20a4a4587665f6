"""Replace synthetic digits by MNIST.

If MNIST could not be downloaded, the pipeline drew synthetic digits instead. DVC considers that
download done and never repeats it. This command downloads MNIST again.
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
    """Replace the synthetic digits, if there are any; return the exit status."""
    from digits.pipeline.checkout import check_checkout

    check_checkout()
    replace_synthetic_digits()
    return 0


def replace_synthetic_digits() -> None:
    """Replace synthetic digits by MNIST; keep them if MNIST cannot be downloaded.

    Does nothing if params.yaml asks for another data set. Raises InputError if the stage `download`
    fails.
    """
    from digits.base.files import read_json
    from digits.datasets.params import load_download

    wanted = load_download()
    if wanted.dataset != "mnist" or not DATASET.exists():
        return
    if read_json(DATASET)["dataset"] != "synthetic":
        return
    print(
        f"{DATASET.parent} has synthetic digits instead of mnist: downloading mnist again",
        file=sys.stderr,
    )
    from digits.datasets.fetch import fetch, own_mirror
    from digits.pipeline.checkout import hash_code, run_dvc

    try:
        with tempfile.TemporaryDirectory() as folder:
            fetch(wanted.dataset, own_mirror(wanted), Path(folder))
    except InputError as error:
        print(f"keeping the synthetic digits: {error}", file=sys.stderr)
        return
    hash_code()
    if run_dvc("repro", "--force", "--single-item", "download"):
        raise InputError("dvc repro could not store mnist; see the messages above")
