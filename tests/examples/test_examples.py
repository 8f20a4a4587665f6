"""The programs in examples/ run as their docstrings say, and do what they show."""

import re
import subprocess
import sys

from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT


def run_example(name: str) -> str:
    """Run a program at the root of the project, as its docstring says; return what it printed."""
    done = subprocess.run(
        [sys.executable, f"examples/{name}.py"],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_train_from_scratch_learns_the_small_digits():
    printed = run_example("train_from_scratch")
    accuracies = [float(found) for found in re.findall(r"validation accuracy ([\d.]+)%", printed)]
    assert len(accuracies) == 10
    # 99.0 % with the committed seed. 297 images: two standard deviations are 1.2 points.
    assert accuracies[-1] > 97


def test_examples_fit_on_a_screen():
    for path in (ROOT / "examples").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 40, path.name
