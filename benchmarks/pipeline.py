"""Time the whole pipeline, stage by stage, in a fresh clone with an empty cache, and then a `dvc
repro` that has nothing to do.

    DIGITS_MIRROR=folder-with-mnist python -m benchmarks.pipeline

Clones what is committed; writes benchmarks/results/pipeline.json: seconds a stage, which include
Python's start and DVC's own work, the largest resident set of any process, and the machine.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

from digits.base.files import write_json
from digits.commands.verify import fresh_clone
from digits.errors import InputError, one_line_errors
from digits.training.params import load_params
from digits.training.provenance import describe_machine

RESULT = Path("benchmarks/results/pipeline.json")


def main() -> None:
    with fresh_clone() as (folder, environment):
        started = time.perf_counter()
        seconds_by_stage = time_stages(folder, environment)
        total = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )
        started = time.perf_counter()
        repeated = time_stages(folder, environment)
        if repeated.keys() != {"DVC"}:
            raise InputError(
                f"a second dvc repro ran {', '.join(repeated)}; expected nothing to run"
            )
        no_op = time.perf_counter() - started
    result = {
        "total_seconds": round(total, 1),
        "no_op_seconds": round(no_op, 1),
        "peak_memory_bytes": peak,
        "stage_seconds": {stage: round(seconds, 1) for stage, seconds in seconds_by_stage.items()},
        "threads": load_params().threads,
        **describe_machine(),
    }
    write_json(RESULT, result)
    print(
        f"{total:.0f} s from an empty cache, {no_op:.1f} s with nothing to do, {peak / 2**20:.0f} MiB at most"
    )


def time_stages(folder: Path, environment: dict[str, str]) -> dict[str, float]:
    """Run `dvc repro` in `folder` and return the seconds from each stage's start to the next one's;
    "DVC" is before the first.
    """
    with subprocess.Popen(
        ["dvc", "repro"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        seconds, stage, started = {}, "DVC", time.perf_counter()
        for line in process.stdout or ():
            if line.startswith("Running stage"):
                now = time.perf_counter()
                seconds[stage], stage, started = now - started, line.split("'")[1], now
                print(stage, flush=True)
        seconds[stage] = time.perf_counter() - started
    if process.returncode:
        raise InputError(f"dvc repro exited {process.returncode} in {stage}")
    return seconds


if __name__ == "__main__":
    with one_line_errors():
        main()
