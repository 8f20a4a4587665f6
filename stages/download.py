"""Get a data set, checked, as plain arrays.

Reads params.yaml and the environment variable DIGITS_MIRROR; writes data/raw/train/ and test/, uint8 images and labels as published,
and dataset.json, its name and those of its classes.
"""

import os
import tempfile
from pathlib import Path

from digits.data.sources import fetch
from digits.errors import one_line_errors
from digits.files import write_json, write_split
from digits.params import load_params

RAW = Path("data/raw")


def main() -> None:
    options = load_params().download
    with tempfile.TemporaryDirectory() as folder:
        source = fetch(options.dataset, os.environ.get("DIGITS_MIRROR") or options.mirror, Path(folder))
    for name, (images, labels) in source.splits.items():
        write_split(RAW / name, images, labels)
    write_json(RAW / "dataset.json", {"dataset": options.dataset, "class_names": source.class_names})
    print(f"{options.dataset}: " + ", ".join(f"{len(labels)} {name} images" for name, (_, labels) in source.splits.items()))


if __name__ == "__main__":
    with one_line_errors():
        main()
