"""The folder of raw data: the published splits in train/ and test/, the names in dataset.json."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digits.base.files import read_json, write_json, write_split
from digits.base.params import Section, load_section
from digits.datasets.source import Source


class DatasetNames(Section):
    """The name of a data set, and the names of its classes."""

    dataset: str
    class_names: list[str]


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder. After the body, its subfolder `new` replaces `folder`.

    If the body fails, `folder` stays as it was. Leftovers of a killed process are removed.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        (partial / "new").rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_raw(folder: Path, dataset: str, source: Source) -> None:
    """Write the splits and the names."""
    for name, (images, labels) in source.splits.items():
        write_split(folder / name, images, labels)
    names = DatasetNames(dataset=dataset, class_names=source.class_names)
    write_json(folder / "dataset.json", names.model_dump())


def read_names(folder: Path) -> DatasetNames:
    """Return the names in a folder of raw data; raise InputError if they cannot be read."""
    path = folder / "dataset.json"
    names: DatasetNames = load_section(DatasetNames, path=path, data=read_json(path))
    return names
