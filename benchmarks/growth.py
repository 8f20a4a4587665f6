"""How cost grows: the stages' time and memory with the number of images, and DVC's and the figures'
with the number of runs.

    DIGITS_MIRROR=folder-with-mnist python -m benchmarks.growth

Works in temporary clones of what is committed. For images, MNIST is repeated 1, 2, 4 and 8 times,
and each stage's script is a process of its own, with one run of each kind for an epoch or a few
iterations. For runs, `dvc repro` trains 10, 50 and 200 linear models on 1,000 images and scores
them on all test images. Writes benchmarks/results/growth.json, after each size. Needs Linux, which
tells of a page that a process and its workers share how much is whose.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from ruamel.yaml import YAML

from digits.base.files import read_json, read_split, write_array, write_array_in_parts, write_json
from digits.commands.verify import fresh_clone
from digits.errors import InputError, one_line_errors
from digits.training.params import load_params
from digits.training.provenance import describe_machine

RESULT = Path("benchmarks/results/growth.json")
TIMES = (1, 2, 4, 8)
RUNS = (10, 50, 200)
MINIMIZER_ITERATIONS = 5
# Stage, and of the folders under data/ those that it reads images from.
STAGES = {
    "preprocess": ("raw/train", "raw/test"),
    "train_torch cnn": ("processed/train", "processed/validation"),
    "train_tf cnn": ("processed/train", "processed/validation"),
    "train_scratch cnn": ("processed/train", "processed/validation"),
    "train_scratch mlp_sigmoid": ("processed/train", "processed/validation"),
    "evaluate torch": ("processed/test",),
    "evaluate tf": ("processed/test",),
    "evaluate scratch": ("processed/test",),
    "visualize": ("raw/test", "processed/train"),
}
LINEAR = {
    "architecture": "linear",
    "initializer": "he",
    "optimizer": "adam",
    "epochs": 1,
    "batch_size": 50,
    "schedule": "constant",
}


class Cost(NamedTuple):
    """Of a command: its seconds, the processor's seconds that its first process took itself, and
    the memory of all its processes at most.
    """

    seconds: float
    own_seconds: float
    peak_memory_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure how cost grows with the number of images and with the number of runs."
    )
    parser.add_argument(
        "--times",
        type=int,
        nargs="*",
        default=TIMES,
        help="sizes of the data, as multiples of MNIST; none: leave this half as it is",
    )
    parser.add_argument(
        "--runs",
        type=int,
        nargs="*",
        default=RUNS,
        help="numbers of runs, the others keep their rows; none: leave this half as it is",
    )
    given = parser.parse_args()
    for half in chain(measure_images(given.times), measure_runs(given.runs)):
        known = read_json(RESULT) if RESULT.exists() else {}
        if "runs" in half:
            rows = {row["n_runs"]: row for row in [*known.get("runs", []), *half["runs"]]}
            half = {"runs": [rows[n_runs] for n_runs in sorted(rows)]}
        write_json(RESULT, known | half | {"threads": load_params().threads, **describe_machine()})


def measure_images(sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield after each size of the data, for each stage, its seconds, its peak memory and the bytes
    of the arrays that it reads, at all so far.
    """
    if not sizes:
        return
    rows: dict[str, dict[str, list]] = {
        stage: {"seconds": [], "peak_memory_bytes": [], "array_bytes": []} for stage in STAGES
    }
    with fresh_clone() as (clone, environment):
        run(["dvc", "repro", "download"], clone, environment)
        (clone / "data/raw").rename(clone / "data/once")
        for number, times in enumerate(sizes, start=1):
            repeat(clone / "data/once", clone / "data/raw", times)
            edit_params(clone, one_epoch)
            edit_params(
                clone,
                lambda params, times=times: params["preprocess"].update(
                    validation_size=10_000 * times
                ),
            )
            for stage, folders in STAGES.items():
                name, *arguments = stage.split()
                cost = run([sys.executable, "-m", f"stages.{name}", *arguments], clone, environment)
                rows[stage]["seconds"].append(round(cost.seconds, 2))
                rows[stage]["peak_memory_bytes"].append(cost.peak_memory_bytes)
                rows[stage]["array_bytes"].append(
                    sum(
                        file.stat().st_size
                        for folder in folders
                        for file in (clone / "data" / folder).iterdir()
                    )
                )
                print(
                    f"{times} x MNIST, {stage}: {cost.seconds:.1f} s, {cost.peak_memory_bytes / 2**20:,.0f} MiB",
                    flush=True,
                )
            yield {
                "images": {
                    "times": list(sizes[:number]),
                    "minimizer_iterations": MINIMIZER_ITERATIONS,
                    "stages": rows,
                }
            }


def measure_runs(numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield after each number of runs what DVC and visualize cost, with all so far."""
    rows: list[dict[str, Any]] = []
    for n_runs in numbers:
        with fresh_clone() as (clone, environment):
            edit_params(clone, lambda params, n_runs=n_runs: only_linear(params, n_runs))
            (clone / "dvc.lock").unlink()
            run([sys.executable, "-m", "digits.commands.prune"], clone, environment)
            first = run(["dvc", "repro"], clone, environment)
            again = run(["dvc", "repro"], clone, environment)
            status = run(["dvc", "status"], clone, environment)
            drawn = run([sys.executable, "-m", "stages.visualize"], clone, environment)
            figures = [file.stat().st_size for file in (clone / "plots/figures").iterdir()]
            rows.append(
                {
                    "n_runs": n_runs,
                    "measured_on": date.today().isoformat(),
                    "repro_seconds": round(first.seconds, 1),
                    "dvc_seconds": round(first.own_seconds, 1),
                    "no_op_seconds": round(again.seconds, 2),
                    "status_seconds": round(status.seconds, 2),
                    "visualize_seconds": round(drawn.seconds, 1),
                    "visualize_peak_memory_bytes": drawn.peak_memory_bytes,
                    "figures_bytes": sum(figures),
                    "largest_figure_bytes": max(figures),
                    "report_bytes": (clone / "plots/report.html").stat().st_size,
                }
            )
            print(rows[-1], flush=True)
        yield {"runs": rows}


def repeat(source: Path, target: Path, times: int) -> None:
    """Write raw data with every image `times` times over."""
    for split in ("train", "test"):
        images, labels = read_split(source / split)
        shape = (times * len(images), *images.shape[1:])
        write_array_in_parts(
            target / split / "images.npy", shape, "uint8", (images for _ in range(times))
        )
        write_array(target / split / "labels.npy", np.tile(labels.astype(np.uint8), times))
    shutil.copy(source / "dataset.json", target)


def edit_params(clone: Path, edit) -> None:
    yaml = YAML()
    params = yaml.load(clone / "params.yaml")
    edit(params)
    yaml.dump(params, clone / "params.yaml")


def one_epoch(params: dict) -> None:
    """Leave the runs that are measured, for one epoch or a few iterations."""
    for stage in STAGES:
        name, *arguments = stage.split()
        if name.startswith("train"):
            params[name][arguments[0]]["epochs"] = (
                MINIMIZER_ITERATIONS if arguments[0] == "mlp_sigmoid" else 1
            )
    for name in ("train_torch", "train_tf", "train_scratch"):
        for run_name in list(params[name]):
            if f"{name} {run_name}" not in STAGES:
                del params[name][run_name]


def only_linear(params: dict, n_runs: int) -> None:
    """Leave linear models, one each in torch and tf, the others in scratch, each with a learning
    rate of its own, on 1,000 images.
    """
    params["architectures"] = {"linear": ["flatten", {"dense": {"units": 10}}]}
    params["preprocess"].update(train_size=1000, validation_size=100)
    runs = {
        f"linear_{number}": LINEAR | {"learning_rate": round(0.001 * 1.02**number, 6)}
        for number in range(n_runs - 2)
    }
    params["train_scratch"] = runs
    for name in ("train_torch", "train_tf"):
        params[name] = {"linear": LINEAR | {"learning_rate": 0.001}}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> Cost:
    """Run a command and return its cost; raise InputError with the end of what it printed where it
    fails.

    The peak is the larger of two: that of any one process, which the system keeps, and the largest
    sum of the processes' shares, looked at now and then.
    """
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=printed, stderr=printed
        )
        root, own_seconds, peak = psutil.Process(process.pid), 0.0, 0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            looked = time.perf_counter()
            own = root.cpu_times()
            own_seconds = max(own_seconds, own.user + own.system)
            peak = max(peak, shared_memory_bytes(root))
            # Looking takes a process's lock: at most a twentieth of the time.
            time.sleep(max(0.02, 20 * (time.perf_counter() - looked)))
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode:
            printed.seek(0)
            raise InputError(
                f"{' '.join(command)} exited {process.returncode}: {printed.read()[-2000:].decode(errors='replace')}"
            )
    return Cost(seconds, own_seconds, max(peak, ended[2].ru_maxrss * 1024))


def shared_memory_bytes(root: psutil.Process) -> int:
    """Return the memory of a process and its descendants, a page that several have counted once; 0
    where it has none but itself.
    """
    try:
        processes = root.children(recursive=True)
        return (
            sum(process.memory_full_info().pss for process in [root, *processes])
            if processes
            else 0
        )
    except psutil.Error:  # one has just ended
        return 0


if __name__ == "__main__":
    with one_line_errors():
        main()
