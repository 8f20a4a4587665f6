"""Download: download a data set, check it, and store it as plain arrays.

Reads params.yaml and the environment variable DIGITS_MIRROR. Writes data/raw/train/ and test/,
uint8 images and labels as published, and dataset.json, the names of the data set and its classes.
It writes either all of them or none.
"""

import sys
from pathlib import Path

from digits.datasets.fetch import fetch, own_mirror
from digits.datasets.params import Download, load_download
from digits.datasets.raw_folder import replaced_folder, write_raw
from digits.datasets.source import Source, Unreachable
from digits.errors import one_line_errors

RAW = Path("data/raw")


def main() -> None:
    options = load_download()
    with replaced_folder(RAW) as partial:
        dataset, source = fetch_or_draw(options, partial / "downloads")
        write_raw(partial / "new", dataset, source)
    counts = [f"{len(labels)} {name} images" for name, (_, labels) in source.splits.items()]
    print(f"{dataset}: {', '.join(counts)}")


def fetch_or_draw(options: Download, downloads: Path) -> tuple[str, Source]:
    """Return the data set's name and the data; synthetic digits if MNIST cannot be downloaded.

    They replace MNIST only if the user named no mirror: a mirror that does not answer is a fault.
    """
    mirror = own_mirror(options)
    try:
        return options.dataset, fetch(options.dataset, mirror, downloads)
    except Unreachable as error:
        if options.dataset != "mnist" or options.when_unreachable == "fail" or mirror:
            raise
        print(
            f"warning: {error}\nwarning: drawing synthetic digits instead of MNIST; "
            "results on them are not results on MNIST",
            file=sys.stderr,
        )
        return "synthetic", fetch("synthetic", None, downloads)


if __name__ == "__main__":
    with one_line_errors():
        main()
