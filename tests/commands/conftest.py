"""Commands called as users call them, and models for them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from digits.cli import main
from digits.datasets.uci_digits import read_uci_digits
from digits.model.model_file import write_model
from tests.support.models import train_mlp


@pytest.fixture
def run_digits(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    """Call it as run_digits("predict", path, status=1): it returns what stdout and stderr got."""

    def run(*words: object, status: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        try:
            found: object = main([str(word) for word in words])
        except SystemExit as end:
            found = end.code
        printed, complaints = capsys.readouterr()
        assert found == status, complaints
        return printed, complaints

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as models/ is, with two models that know the 1,797 small digits."""
    folder = tmp_path_factory.mktemp("trained") / "models"
    images, labels = read_uci_digits().splits["train"]
    for run, epochs in (("mlp", 10), ("mlp_short", 2)):
        path = folder / "scratch" / run / "model.safetensors"
        write_model(path, train_mlp(images, labels, epochs))
    return folder
