"""Run the whole pipeline again from nothing, and tell whether the same comes out.

    python -m digits.commands.verify            run what is committed in a temporary clone, and
    compare with what is committed python -m digits.commands.verify FOLDER     compare with another
    checkout of the same commit, on another machine's disk, say

On the same machine every output must have the same bytes, but for the few that hold wall-clock
times. Another kind of processor adds in another order, and training carries a last bit that differs
far: there, the results must agree within a tolerance. Exit status 0: the same bytes; 3: the same
results within the tolerance; 4: other results; 1: they cannot be compared.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from digits.base.files import read_json
from digits.errors import InputError, one_line_errors

# What holds wall-clock times. No other output depends on it.
WITH_TIMES = ("models/times/", "plots/report.html", "plots/with_times/")
# How far a run's results may be off on another kind of processor: some three times what another
# seed changes.
TOLERANCES = {"accuracy": 0.003, "log_loss": 0.015}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Run the whole pipeline again, and tell whether the same comes out."
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help="compare with this checkout instead, in which the pipeline has run",
    )
    other = parser.parse_args().folder
    if other:
        sys.exit(report(Path(), other))
    with fresh_clone() as (clone, environment), tempfile.TemporaryDirectory() as folder:
        committed = Path(folder)
        shutil.copy(clone / "dvc.lock", committed)
        shutil.copytree(clone / "metrics", committed / "metrics")
        if subprocess.run(
            ["dvc", "repro", "--force", "--no-run-cache"], cwd=clone, env=environment
        ).returncode:
            raise InputError("dvc repro failed in the clone")
        sys.exit(report(committed, clone))


@contextmanager
def fresh_clone() -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a temporary clone of what is committed here, and the environment for a pipeline in it:
    a mirror's folder is found from there.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ".", folder], check=True)
        mirror = os.environ.get("DIGITS_MIRROR", "")
        yield (
            Path(folder),
            os.environ
            | (
                {"DIGITS_MIRROR": str(Path(mirror).resolve())}
                if mirror and "://" not in mirror
                else {}
            ),
        )


def report(ours: Path, theirs: Path) -> int:
    """Print how two checkouts' outputs compare, and return the exit status."""
    differing = differing_outputs(read_lock(ours), read_lock(theirs))
    if not differing:
        print(f"the same bytes in every output but those that hold times ({', '.join(WITH_TIMES)})")
        return 0
    print(f"other bytes in {', '.join(differing)}")
    shifts = metric_shifts(ours, theirs)
    for run, name, shift in shifts:
        print(f"{run}: {name} differs by {shift:+.5f}; the tolerance is {TOLERANCES[name]}")
    if all(abs(shift) <= TOLERANCES[name] for _, name, shift in shifts):
        print("the same results within the tolerance for another kind of processor")
        return 3
    print("other results")
    return 4


def read_lock(root: Path) -> dict[str, Any]:
    path = root / "dvc.lock"
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a checkout in which the pipeline has run")
    return YAML(typ="safe").load(path)["stages"]


def differing_outputs(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Return the paths of outputs with other hashes, those with times left out; raise InputError
    unless code and params are the same.
    """
    if ours.keys() != theirs.keys():
        raise InputError(
            f"not the same stages: {', '.join(sorted(ours.keys() ^ theirs.keys()))} in one only; run `dvc repro` in both"
        )
    for stage in ours:
        made = {out["path"] for lock in ours.values() for out in lock["outs"]}
        for part in ("deps", "params"):
            if given(ours[stage], part, made) != given(theirs[stage], part, made):
                raise InputError(
                    f"not the same pipeline: {stage} has other {part}; check out the same commit in both, and run `dvc repro`"
                )
    hashes = [
        {out["path"]: out["md5"] for lock in stages.values() for out in lock["outs"]}
        for stages in (ours, theirs)
    ]
    paths = sorted(hashes[0].keys() | hashes[1].keys())
    return [
        path
        for path in paths
        if not f"{path}/".startswith(WITH_TIMES) and hashes[0].get(path) != hashes[1].get(path)
    ]


def given(stage: dict[str, Any], part: str, made: set[str]) -> Any:
    """Return a stage's params, or its deps that no stage makes: what people wrote."""
    if part == "params":
        return stage.get("params")
    return {
        dep["path"]: dep["md5"]
        for dep in stage["deps"]
        if not any(dep["path"] == path or f"{path}/".startswith(f"{dep['path']}/") for path in made)
    }


def metric_shifts(ours: Path, theirs: Path) -> list[tuple[str, str, float]]:
    """Return for each run, as torch/cnn, and each metric with a tolerance, theirs less ours where
    they differ.
    """
    shifts = []
    for path in sorted((ours / "metrics").glob("*/*.json")):
        mine, other = read_json(path), read_json(theirs / path.relative_to(ours))
        run = f"{path.parent.name}/{path.stem}"
        shifts += [
            (run, name, other[name] - mine[name])
            for name in TOLERANCES
            if other[name] != mine[name]
        ]
    return shifts


if __name__ == "__main__":
    with one_line_errors():
        main()
