"""Time the whole pipeline, stage by stage, and then a `dvc repro` that has nothing to do.

    DIGITS_MIRROR=folder-with-mnist python -m benchmarks.pipeline --keep-results

The pipeline runs in a fresh clone of the current commit, with an empty cache. Writes
benchmarks/results/pipeline.json: each stage's seconds, the largest resident set of any process, and
the machine. The seconds include Python's start and DVC's own work. With --keep-results, the results
of that run replace the tracked ones here, so that the results and their times come from one run.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from digits.base.files import write_json
from digits.base.params import load_global
from digits.base.processor import describe_machine
from digits.errors import InputError, one_line_errors
from digits.pipeline.clone import fresh_clone

RESULT = Path("benchmarks/results/pipeline.json")
TRACKED = ("dvc.lock", "metrics", "plots")  # the results that git tracks


def main() -> None:
    """Time the pipeline twice; raise InputError if the second time runs a stage."""
    parser = argparse.ArgumentParser(description="Time the whole pipeline, stage by stage.")
    parser.add_argument(
        "--keep-results", action="store_true", help=f"replace {', '.join(TRACKED)} here"
    )
    arguments = parser.parse_args()
    with fresh_clone() as (folder, environment):
        stages = time_stages(folder, environment)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        again = time_stages(folder, environment)
        if again.keys() != {"DVC"}:
            raise InputError(f"a second dvc repro ran {', '.join(again)}; expected nothing to run")
        if arguments.keep_results:
            keep_results(folder)
    total, no_op = sum(stages.values()), sum(again.values())
    peak_memory_bytes = peak if sys.platform == "darwin" else peak * 1024
    result = {
        "total_seconds": round(total, 1),
        "no_op_seconds": round(no_op, 1),
        "peak_memory_bytes": peak_memory_bytes,
        "stage_seconds": {stage: round(seconds, 1) for stage, seconds in stages.items()},
        "threads": load_global("threads"),
        **describe_machine(),
    }
    write_json(RESULT, result)
    memory = f"{peak_memory_bytes / 2**20:.0f} MiB at most"
    print(f"{total:.0f} s from an empty cache, {no_op:.1f} s with nothing to do, {memory}")


def keep_results(folder: Path) -> None:
    """Copy the tracked results of a clone into this checkout, and remove those that it lacks."""
    for name in TRACKED:
        if (folder / name).is_dir():
            shutil.rmtree(name, ignore_errors=True)
            shutil.copytree(folder / name, name)
        else:
            shutil.copyfile(folder / name, name)


def time_stages(folder: Path, environment: Mapping[str, str]) -> dict[str, float]:
    """Run `dvc repro` in `folder`; return the seconds from each stage's start to the next one's.

    "DVC" is the time before the first stage. Raises InputError if a stage fails.
    """
    seconds, stage, started = {}, "DVC", time.perf_counter()
    with subprocess.Popen(
        ["dvc", "repro"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            if line.startswith("Running stage"):
                now = time.perf_counter()
                seconds[stage], stage, started = now - started, line.split("'")[1], now
                print(stage, flush=True)
    if process.returncode:
        raise InputError(f"dvc repro exited {process.returncode} in {stage}")
    seconds[stage] = time.perf_counter() - started
    return seconds


if __name__ == "__main__":
    with one_line_errors():
        main()
