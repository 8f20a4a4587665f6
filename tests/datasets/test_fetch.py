"""`fetch` finds the right source, and every source has the same form."""

import subprocess
import sys

import numpy as np
import pytest

from digits.datasets.fetch import fetch, own_mirror
from digits.datasets.params import Download
from digits.datasets.source import MNIST_COUNTS
from tests.support.environment import ENVIRONMENT
from tests.support.mirror import assert_is_small_mnist
from tests.support.paths import ROOT


def test_mirror_with_idx_files_is_read_before_its_mat_file(small_mnist, tmp_path):
    (small_mnist / "mnist_all.mat").write_bytes(b"damaged")
    assert_is_small_mnist(fetch("mnist", str(small_mnist), tmp_path))


@pytest.mark.parametrize(("variable", "expected"), [("", "from params"), ("from env", "from env")])
def test_environment_comes_before_params(variable, expected, monkeypatch):
    monkeypatch.setenv("DIGITS_MIRROR", variable)
    options = Download(dataset="mnist", mirror="from params", when_unreachable="fail")
    assert own_mirror(options) == expected


@pytest.mark.parametrize("dataset", ["uci_digits", "synthetic"])
def test_sources_without_downloads_import_no_torch(dataset):
    code = f"""
import sys
from digits.datasets import fetch, synthetic
synthetic.make_synthetic_digits = lambda: None
fetch.fetch({dataset!r}, None, None)
sys.exit("torch" in sys.modules)"""
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, env=ENVIRONMENT).returncode == 0


def test_real_mnist_has_its_published_counts(mnist_folder, tmp_path):
    source = fetch("mnist", str(mnist_folder), tmp_path)
    for split, counts in MNIST_COUNTS.items():
        assert np.bincount(source.splits[split][1]).tolist() == list(counts)
    # MNIST's well-known mean and standard deviation, with ink from 0 to 1.
    images = source.splits["train"][0] / 255
    assert (round(images.mean(), 4), round(images.std(), 4)) == (0.1307, 0.3081)
