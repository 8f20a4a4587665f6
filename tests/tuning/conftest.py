"""A folder in which `digits tune` runs: params.yaml and small digits. There is no test split."""

import re
import shutil
from pathlib import Path

import pytest

from digits.base.files import write_json, write_split
from digits.datasets.fetch import fetch
from digits.preprocessing.apply import normalize
from tests.support.models import make_preprocessing
from tests.support.paths import SMALL_PARAMS


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/processed, and with params.yaml, in which every training has two epochs.

    To be read, not changed.
    """
    folder = tmp_path_factory.mktemp("prepared")
    text = SMALL_PARAMS.read_text()
    (folder / "params.yaml").write_text(re.sub(r"epochs: \d+", "epochs: 2", text))
    images, labels = fetch("uci_digits", None, folder).splits["train"]
    images = normalize(images[:400], 0.0, 255.0)
    for name, part in {"train": slice(300), "validation": slice(300, 400)}.items():
        write_split(folder / "data/processed" / name, images[part], labels[part])
    write_json(folder / "data/processed/preprocessing.json", make_preprocessing().model_dump())
    return folder


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the prepared folder, in which the test runs."""
    folder = tmp_path / "workspace"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    return folder
