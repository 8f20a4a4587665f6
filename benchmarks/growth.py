"""Measure how cost grows with the number of images and with the number of runs. Needs Linux.

    DIGITS_MIRROR=folder-with-mnist python -m benchmarks.growth

Works in temporary clones of the current commit. For images, MNIST is repeated 1, 2, 4 and 8 times.
Each stage's script runs in its own process, with one run of each kind, for one epoch or a few
iterations. For runs, `dvc repro` trains 10, 50 and 200 linear models on 1,000 images and scores
them on all test images. Writes benchmarks/results/growth.json after each size.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from benchmarks.cost import Cost, measure_cost
from digits.base.files import read_json, read_split, write_array, write_array_in_parts, write_json
from digits.base.params import FRAMEWORKS, load_global
from digits.base.processor import describe_machine
from digits.errors import one_line_errors
from digits.pipeline.clone import fresh_clone

RESULT = Path("benchmarks/results/growth.json")
TIMES = (1, 2, 4, 8)
RUNS = (10, 50, 200)
MINIMIZER_ITERATIONS = 5
RAW, TRAINING, TEST = (
    ("raw/train", "raw/test"),
    ("processed/train", "processed/validation"),
    ("processed/test",),
)
# Each stage, and the folders under data/ that it reads images from.
STAGES = {
    "preprocess": RAW,
    "train_torch cnn": TRAINING,
    "train_tf cnn": TRAINING,
    "train_scratch cnn": TRAINING,
    "train_scratch mlp_sigmoid": TRAINING,
    "evaluate torch": TEST,
    "evaluate tf": TEST,
    "evaluate scratch": TEST,
    "visualize": ("raw/test", "processed/train"),
}
# The commands that run with each number of runs, in this order.
RUN_COMMANDS = {
    "prune": [sys.executable, "-m", "digits", "prune"],
    "first repro": ["dvc", "repro"],
    "second repro": ["dvc", "repro"],
    "status": ["dvc", "status"],
    "visualize": [sys.executable, "-m", "stages.visualize"],
}
LINEAR = {
    "architecture": "linear",
    "initializer": "he",
    "optimizer": "adam",
    "epochs": 1,
    "batch_size": 50,
    "schedule": "constant",
}


def main() -> None:
    """Measure both halves; write the result after each size."""
    parser = argparse.ArgumentParser(
        description="Measure how cost grows with the number of images and with the number of runs."
    )
    parser.add_argument(
        "--times",
        type=int,
        nargs="*",
        default=TIMES,
        help="sizes of the data, as multiples of MNIST; without a number, skip this half",
    )
    parser.add_argument(
        "--runs",
        type=int,
        nargs="*",
        default=RUNS,
        help="numbers of runs; other numbers keep their rows; without a number, skip this half",
    )
    given = parser.parse_args()
    machine = {"threads": load_global("threads"), **describe_machine()}
    for part in chain(measure_images(given.times), measure_runs(given.runs)):
        known = read_json(RESULT) if RESULT.exists() else {}
        write_json(RESULT, known | with_known_rows(part, known) | machine)


def with_known_rows(part: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the result; add the known rows of other numbers of runs."""
    if "runs" not in part:
        return part
    rows = {row["n_runs"]: row for row in [*known.get("runs", []), *part["runs"]]}
    return {"runs": [rows[n_runs] for n_runs in sorted(rows)]}


def measure_images(sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield, after each size of the data, what each stage costs at all sizes so far.

    A stage has its seconds, its peak memory and the bytes of the arrays that it reads.
    """
    if not sizes:
        return
    keys = ("seconds", "peak_memory_bytes", "array_bytes")
    rows: dict[str, dict[str, list[float]]] = {stage: {key: [] for key in keys} for stage in STAGES}
    with fresh_clone() as (clone, environment):
        measure_cost(["dvc", "repro", "download"], clone, environment)
        (clone / "data/raw").rename(clone / "data/once")
        edit_params(clone, keep_one_run_of_each_kind)
        for number, times in enumerate(sizes, start=1):
            repeat(clone / "data/once", clone / "data/raw", times)
            set_validation_size(clone, 10_000 * times)
            for stage, row in rows.items():
                name, *arguments = stage.split()
                command = [sys.executable, "-m", f"stages.{name}", *arguments]
                cost = measure_cost(command, clone, environment)
                row["seconds"].append(round(cost.seconds, 2))
                row["peak_memory_bytes"].append(cost.peak_memory_bytes)
                row["array_bytes"].append(count_bytes(clone / "data", STAGES[stage]))
                megabytes = cost.peak_memory_bytes / 2**20
                print(f"{times} x MNIST, {stage}: {cost.seconds:.1f} s, {megabytes:,.0f} MiB")
            measured = {"times": list(sizes[:number]), "minimizer_iterations": MINIMIZER_ITERATIONS}
            yield {"images": measured | {"stages": rows}}


def repeat(source: Path, target: Path, times: int) -> None:
    """Write raw data that has every image `times` times."""
    for split in ("train", "test"):
        images, labels = read_split(source / split)
        shape, copies = (times * len(images), *images.shape[1:]), (images for _ in range(times))
        write_array_in_parts(target / split / "images.npy", shape, "uint8", copies)
        write_array(target / split / "labels.npy", np.tile(labels.astype(np.uint8), times))
    shutil.copy(source / "dataset.json", target)


def count_bytes(data: Path, folders: Sequence[str]) -> int:
    """Return the size of all files in folders of data/."""
    files = chain.from_iterable((data / folder).iterdir() for folder in folders)
    return sum(file.stat().st_size for file in files)


def measure_runs(numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield, after each number of runs, what DVC and visualize cost at all numbers so far."""
    rows: list[dict[str, Any]] = []
    for n_runs in numbers:
        with fresh_clone() as (clone, environment):
            edit_params(clone, partial(keep_linear_runs, n_runs=n_runs))
            (clone / "dvc.lock").unlink()
            costs = {}
            for name, command in RUN_COMMANDS.items():
                costs[name] = measure_cost(command, clone, environment)
            row = {"n_runs": n_runs, "measured_on": datetime.now(UTC).date().isoformat()}
            rows.append(row | describe_costs(costs, clone / "plots"))
        print(rows[-1], flush=True)
        yield {"runs": rows}


def describe_costs(costs: Mapping[str, Cost], plots: Path) -> dict[str, float]:
    """Return the costs of RUN_COMMANDS, and the sizes of what visualize wrote."""
    figures = [file.stat().st_size for file in (plots / "figures").iterdir()]
    return {
        "repro_seconds": round(costs["first repro"].seconds, 1),
        "dvc_seconds": round(costs["first repro"].own_seconds, 1),
        "no_op_seconds": round(costs["second repro"].seconds, 2),
        "status_seconds": round(costs["status"].seconds, 2),
        "visualize_seconds": round(costs["visualize"].seconds, 1),
        "visualize_peak_memory_bytes": costs["visualize"].peak_memory_bytes,
        "figures_bytes": sum(figures),
        "largest_figure_bytes": max(figures),
        "report_bytes": (plots / "report.html").stat().st_size,
    }


def edit_params(clone: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the params.yaml of a clone."""
    yaml = YAML()
    params = yaml.load(clone / "params.yaml")
    edit(params)
    yaml.dump(params, clone / "params.yaml")


def set_validation_size(clone: Path, size: int) -> None:
    """Set the size of the validation split in a clone."""
    edit_params(clone, lambda params: params["preprocess"].update(validation_size=size))


def keep_one_run_of_each_kind(params: dict[str, Any]) -> None:
    """Keep only the measured runs, for one epoch or a few iterations."""
    for framework in FRAMEWORKS:
        section = f"train_{framework}"
        for name, recipe in list(params[section].items()):
            if f"{section} {name}" in STAGES:
                recipe["epochs"] = MINIMIZER_ITERATIONS if name == "mlp_sigmoid" else 1
            else:
                del params[section][name]


def keep_linear_runs(params: dict[str, Any], n_runs: int) -> None:
    """Keep only linear models on 1,000 images: one in torch, one in tf, the others in scratch.

    Each has its own learning rate.
    """
    params["architectures"] = {"linear": ["flatten", {"dense": {"units": 10}}]}
    params["preprocess"].update(train_size=1000, validation_size=100)
    runs = {}
    for number in range(n_runs - 2):
        runs[f"linear_{number}"] = LINEAR | {"learning_rate": round(0.001 * 1.02**number, 6)}
    params["train_scratch"] = runs
    for name in ("train_torch", "train_tf"):
        params[name] = {"linear": LINEAR | {"learning_rate": 0.001}}


if __name__ == "__main__":
    with one_line_errors():
        main()
