"""What running stages side by side saves: the seconds of the whole pipeline, but for the run
`best`, with two jobs over those one after another.

    DIGITS_MIRROR=folder-with-mnist python -m benchmarks.side_by_side python -m
    benchmarks.side_by_side --small          # try it: on 1,797 small digits, an epoch a run; writes
    nothing

Each in turn, each time in a fresh clone of what is committed with an empty cache; all must end with
the same bytes. `best` trains for as long as all other runs together, and at the end nothing is left
to run beside it. Writes benchmarks/results/side_by_side.json.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from ruamel.yaml import YAML

from digits.base.files import read_json, write_json
from digits.commands.verify import differing_outputs, fresh_clone, read_lock
from digits.errors import InputError, one_line_errors
from digits.training.params import FRAMEWORKS, load_params
from digits.training.provenance import describe_machine

RESULT = Path("benchmarks/results/side_by_side.json")
JOBS, ROUNDS = 2, 3
WAYS = {
    "one after another": ["dvc", "repro"],
    "side by side": [sys.executable, "-m", "digits.pipeline.jobs", "--jobs", str(JOBS)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what running stages side by side saves.")
    parser.add_argument(
        "--small", action="store_true", help="one round on 1,797 small digits, and write nothing"
    )
    small = parser.parse_args().small
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(1 if small else ROUNDS):
            for name, command in WAYS.items():
                seconds[name].append(time_pipeline(command, small, Path(folder) / name))
                print(f"{name} {seconds[name][-1]:.1f} s", flush=True)
            if differing := differing_outputs(*(read_lock(Path(folder) / name) for name in WAYS)):
                raise InputError(f"other bytes side by side in {', '.join(differing)}")
    ratios = [together / alone for alone, together in zip(*seconds.values(), strict=True)]
    print(f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    if not small:
        ratio = {
            "median": round(median(ratios), 3),
            "low": round(min(ratios), 3),
            "high": round(max(ratios), 3),
        }
        medians = {name: round(median(values), 1) for name, values in seconds.items()}
        write_json(
            RESULT,
            {
                "jobs": JOBS,
                "rounds": ROUNDS,
                "ratio": ratio,
                "seconds": medians,
                "threads": load_params().threads,
                **describe_machine(),
            },
        )


def time_pipeline(command: list[str], small: bool, kept: Path) -> float:
    """Return the seconds of the whole pipeline in a fresh clone, and keep its dvc.lock in a folder."""
    with fresh_clone() as (clone, environment):
        shorten(clone / "params.yaml", small)
        (clone / "dvc.lock").unlink()
        started = time.perf_counter()
        if subprocess.run(
            command, cwd=clone, env=environment, stdout=subprocess.DEVNULL
        ).returncode:
            raise InputError(f"`{' '.join(command)}` failed in the clone")
        seconds = time.perf_counter() - started
        if not small and read_json(clone / "data/raw/dataset.json")["dataset"] != "mnist":
            raise InputError(
                "mnist could not be had; set DIGITS_MIRROR to a folder or a URL that has it"
            )
        kept.mkdir(exist_ok=True)
        shutil.copy(clone / "dvc.lock", kept)
    return seconds


def shorten(path: Path, small: bool) -> None:
    """Take the run `best` out of params.yaml; make it one for 1,797 small digits and an epoch a run
    where it is to be small.
    """
    yaml = YAML()
    params = yaml.load(path)
    del params["train_torch"]["best"]
    if small:
        params["download"]["dataset"], params["preprocess"]["validation_size"] = "uci_digits", 200
        for recipe in [
            recipe for framework in FRAMEWORKS for recipe in params[f"train_{framework}"].values()
        ]:
            recipe["epochs"] = 1
    yaml.dump(params, path)


if __name__ == "__main__":
    with one_line_errors():
        main()
