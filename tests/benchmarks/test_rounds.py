"""Rounds are summarized by median and range, and a process that fails is named."""

import pytest

from benchmarks.rounds import measure_apart, summarize
from digits.errors import InputError


def test_summary_is_median_and_range():
    assert summarize([3.0, 1.23456, 2.0]) == {"median": 2.0, "low": 1.235, "high": 3.0}
    assert summarize([1.0, 2.0], digits=0) == {"median": 2.0, "low": 1.0, "high": 2.0}


def test_a_process_that_fails_is_named():
    expected = "`-m benchmarks.augmentation --framework jax` exited 2"
    with pytest.raises(InputError, match=expected):
        measure_apart("benchmarks.augmentation", "--framework", "jax")


def test_the_last_line_is_the_result(tmp_path, monkeypatch):
    (tmp_path / "talks.py").write_text("import sys\nprint('words\\n[1, 2]')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert measure_apart("talks") == [1, 2]
