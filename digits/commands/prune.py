"""Remove the files of runs that params.yaml no longer has.

DVC forgets the stage of a removed run, and keeps its files and its entry in dvc.lock.
"""

import argparse
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

EXAMPLE = "digits prune"

# Where a framework keeps the files of its runs. Each file or folder is named after its run.
PATTERNS = (
    "models/{}/*",
    "timings/{}/*.json",
    "checkpoints/{}/*.safetensors",
    "metrics/{}/*.json",
    "data/evaluation/{}/*",
)

Runs = Mapping[str, Sequence[str]]  # the names of each framework's runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print and remove the leftover files and the entries in dvc.lock; return the exit status."""
    from digits.base.params import FRAMEWORKS, load_run_names
    from digits.pipeline.checkout import check_checkout
    from digits.pipeline.lock import LOCK, read_lock, remove_entries

    check_checkout()
    runs: Runs = {framework: load_run_names(framework) for framework in FRAMEWORKS}
    stages = leftover_stages(read_lock(Path()) if Path(LOCK).exists() else (), runs)
    for path in leftover_files(Path(), runs):
        print(f"removing {path}")
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for stage in stages:
        print(f"removing {stage} from {LOCK}")
    if stages:
        remove_entries(Path(), stages)
    return 0


def leftover_files(root: Path, runs: Runs) -> list[Path]:
    """Return the files and folders of runs that are not among the frameworks' runs."""
    leftovers: list[Path] = []
    for framework, names in runs.items():
        for pattern in PATTERNS:
            found = sorted(root.glob(pattern.format(framework)))
            leftovers += [path for path in found if path.stem not in names and is_visible(path)]
    return leftovers


def is_visible(path: Path) -> bool:
    """Return whether the name has no leading dot, as DVC's .gitignore and partial files have."""
    return not path.name.startswith(".")


def leftover_stages(stages: Iterable[str], runs: Runs) -> list[str]:
    """Return the train stages whose run is not among the frameworks' runs."""
    known = {f"train_{framework}@{name}" for framework, names in runs.items() for name in names}
    return [stage for stage in stages if stage.startswith("train_") and stage not in known]
