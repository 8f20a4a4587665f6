"""Measure how much time running stages side by side saves.

    DIGITS_MIRROR=folder-with-mnist python -m benchmarks.side_by_side
    python -m benchmarks.side_by_side --small   # a trial on small digits; writes nothing

The measure is the seconds of the whole pipeline with two jobs, divided by those of one stage after
another. Each way runs in a fresh clone of the current commit, with an empty cache. Both must end in
the same bytes. The run `best` is left out. It trains as long as all other runs together, so at the
end no stage is left to run beside it. Writes benchmarks/results/side_by_side.json.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from ruamel.yaml import YAML

from benchmarks.rounds import summarize
from digits.base.files import read_json, write_json
from digits.base.params import FRAMEWORKS, load_global
from digits.base.processor import describe_machine
from digits.errors import InputError, one_line_errors
from digits.pipeline.clone import fresh_clone
from digits.pipeline.lock import differing_outputs, read_lock

RESULT = Path("benchmarks/results/side_by_side.json")
JOBS, ROUNDS = 2, 3
RUN = [sys.executable, "-m", "digits", "run", "--jobs"]
WAYS = {"one after another": [*RUN, "1"], "side by side": [*RUN, str(JOBS)]}


def main() -> None:
    """Run the pipeline in each way, round by round, and write the ratio."""
    parser = argparse.ArgumentParser(description="Measure the gain of stages side by side.")
    parser.add_argument(
        "--small", action="store_true", help="one round on 1,797 small digits, and write nothing"
    )
    small = parser.parse_args().small
    seconds = time_ways(1 if small else ROUNDS, small)
    ratios = [together / alone for alone, together in zip(*seconds.values(), strict=True)]
    print(f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    if small:
        return
    gain = {
        "jobs": JOBS,
        "rounds": ROUNDS,
        "ratio": summarize(ratios),
        "seconds": {name: round(median(values), 1) for name, values in seconds.items()},
        "threads": load_global("threads"),
        **describe_machine(),
    }
    write_json(RESULT, gain)


def time_ways(rounds: int, small: bool) -> dict[str, list[float]]:
    """Return the seconds of each way, round by round; raise InputError if their bytes differ."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, command in WAYS.items():
                seconds[name].append(time_pipeline(command, small, Path(folder) / name))
                print(f"{name} {seconds[name][-1]:.1f} s", flush=True)
            if differing := differing_outputs(*(read_lock(Path(folder) / name) for name in WAYS)):
                raise InputError(f"the two ways wrote different bytes into {', '.join(differing)}")
    return seconds


def time_pipeline(command: Sequence[str], small: bool, kept: Path) -> float:
    """Return the seconds of the pipeline in a fresh clone; copy its dvc.lock to `kept`."""
    with fresh_clone() as (clone, environment):
        shorten(clone / "params.yaml", small)
        (clone / "dvc.lock").unlink()
        started = time.perf_counter()
        done = subprocess.run(command, cwd=clone, env=environment, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise InputError(f"`{' '.join(command)}` failed in the clone")
        seconds = time.perf_counter() - started
        if not small and read_json(clone / "data/raw/dataset.json")["dataset"] != "mnist":
            raise InputError(
                "could not download mnist; "
                "set DIGITS_MIRROR to a folder or a URL that has its files"
            )
        kept.mkdir(exist_ok=True)
        shutil.copy(clone / "dvc.lock", kept)
    return seconds


def shorten(path: Path, small: bool) -> None:
    """Remove the run `best` from params.yaml.

    If `small`, also set the small digits and one epoch for each run.
    """
    yaml = YAML()
    params = yaml.load(path)
    del params["train_torch"]["best"]
    if small:
        params["download"]["dataset"], params["preprocess"]["validation_size"] = "uci_digits", 200
        for framework in FRAMEWORKS:
            for recipe in params[f"train_{framework}"].values():
                recipe["epochs"] = 1
    yaml.dump(params, path)


if __name__ == "__main__":
    with one_line_errors():
        main()
