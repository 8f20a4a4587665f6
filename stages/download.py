"""Get a data set, checked, as plain arrays.

Reads params.yaml and the environment variable DIGITS_MIRROR; writes data/raw/train/ and test/,
uint8 images and labels as published, and dataset.json, its name and those of its classes. All of
it, or nothing: it is put together beside, and renamed at the end.
"""

import shutil
import sys
from pathlib import Path

from digits.base.files import write_json, write_split
from digits.datasets.fetch import Source, Unreachable, fetch, own_mirror
from digits.errors import one_line_errors
from digits.training.params import Download, load_params

RAW = Path("data/raw")
PARTIAL = Path("data/.raw.partial")


def main() -> None:
    options = load_params().download
    shutil.rmtree(PARTIAL, ignore_errors=True)  # of a download that was killed
    try:
        dataset, source = fetch_or_stand_in(options, PARTIAL / "downloads")
        for name, (images, labels) in source.splits.items():
            write_split(PARTIAL / "raw" / name, images, labels)
        write_json(
            PARTIAL / "raw/dataset.json", {"dataset": dataset, "class_names": source.class_names}
        )
        shutil.rmtree(RAW, ignore_errors=True)
        (PARTIAL / "raw").rename(RAW)
    finally:
        shutil.rmtree(PARTIAL, ignore_errors=True)
    print(
        f"{dataset}: "
        + ", ".join(f"{len(labels)} {name} images" for name, (_, labels) in source.splits.items())
    )


def fetch_or_stand_in(options: Download, downloads: Path) -> tuple[str, Source]:
    """Return the name of the data set and the data: what was asked for, or where nobody has mnist
    and that is allowed, the stand-in.
    """
    try:
        return options.dataset, fetch(options.dataset, own_mirror(options), downloads)
    except Unreachable as error:
        if options.dataset != "mnist" or options.when_unreachable == "fail":
            raise
        print(
            f"warning: {error}\nwarning: drawing the stand-in digits in its place; no result on them is a result on MNIST",
            file=sys.stderr,
        )
        return "stand_in", fetch("stand_in", None, downloads)


if __name__ == "__main__":
    with one_line_errors():
        main()
