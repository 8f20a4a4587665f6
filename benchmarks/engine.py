"""Race the engine written from scratch against PyTorch and Keras.

    python -m benchmarks.engine

All contenders train on the pipeline's training split, each in its own process. They take turns, one
round each, so that a busy neighbour slows all of them equally. Only ratios within one run mean
anything.

Writes benchmarks/results/engine.json. It has the median and the range of the training images per
second, and the peak memory, for each architecture and contender. For the minimizers it has the
seconds to the same value of the objective.
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import CONTENDERS, Task, has_two_cores
from benchmarks.minimizers import MINIMIZERS, OBJECTIVE, prepare_minimizer
from benchmarks.rounds import summarize
from digits.base.files import write_json
from digits.base.processor import describe_machine
from digits.errors import InputError, one_line_errors
from digits.model.architecture import count_multiplications
from digits.preprocessing.apply import network_inputs
from digits.training.initial_weights import initial_weights
from digits.training.loop import load_data
from digits.training.memory import peak_memory_bytes
from digits.training.run import IMAGE_SHAPE, load_run

RESULT = Path("benchmarks/results/engine.json")
# The runs with the architectures of the race.
RUNS = {
    "cnn": ("scratch", "cnn"),
    "cnn_5x5": ("torch", "cnn_5x5"),
    "mlp_128_64": ("scratch", "mlp"),
}
BATCH_SIZE = 64
IMAGES_A_ROUND = {"cnn": 6_400, "cnn_5x5": 6_400, "mlp_128_64": 64_000}
ROUNDS = 5
MINIMIZER_ROUNDS = 3
GEMM_SIDE, GEMM_PRODUCTS = 2048, 10

Round = Callable[[], float]  # runs one round and returns its measure
Row = dict[str, float]  # a contender's median, low and high, and its peak_memory_bytes


def main() -> None:
    """Run the whole race; with --contender, be one of the contenders' processes."""
    parser = argparse.ArgumentParser(description="Race the engine against PyTorch and Keras.")
    contenders = [*CONTENDERS, "gemm", *MINIMIZERS]
    parser.add_argument("--contender", choices=contenders, help=argparse.SUPPRESS)
    parser.add_argument("--architecture", choices=list(RUNS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        forks = arguments.contender.startswith("scratch")
        serve(prepare(arguments.contender, arguments.architecture), forks)
        return
    if not has_two_cores():
        raise InputError("this process has one core; expected two, because the contenders use two")
    result = measure()
    write_json(RESULT, result)
    report(result)


def measure() -> dict[str, Any]:
    """Return the result of the whole race, as JSON has it."""
    # The highest round, not the median: it is the machine's speed while nothing else runs.
    gemm = race(["gemm"], None, rounds=5)["gemm"]["high"]
    training = {}
    for architecture in RUNS:
        rows = race(list(CONTENDERS), architecture, ROUNDS)
        flops = training_flops(architecture)
        for row in rows.values():
            row["share_of_gemm"] = round(row["median"] * flops / (gemm * 1e9), 3)
        training[architecture] = rows
    return {
        "gemm_gflops": round(gemm, 1),
        "batch_size": BATCH_SIZE,
        "rounds": ROUNDS,
        **describe_machine(),
        "training": training,
        "objective": OBJECTIVE,
        "minimizer_rounds": MINIMIZER_ROUNDS,
        "minimizers": race(list(MINIMIZERS), None, MINIMIZER_ROUNDS),
    }


def race(names: Sequence[str], architecture: str | None, rounds: int) -> dict[str, Row]:
    """Run the contenders in turn, `rounds` times; return each one's summary and peak memory."""
    # Start them one after another, before the rounds: no start overlaps with a round.
    processes = {name: start(name, architecture) for name in names}
    numbers: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name, process in processes.items():
            numbers[name].append(order(process, "round"))
        print(f"{architecture or names[0]}: round {number + 1} of {rounds}", file=sys.stderr)
    rows = {}
    for name, process in processes.items():
        peak = int(order(process, "peak"))
        process.communicate()
        rows[name] = {**summarize(numbers[name]), "peak_memory_bytes": peak}
    return rows


def start(name: str, architecture: str | None) -> subprocess.Popen[str]:
    """Start a contender's process and let it warm up."""
    command = [sys.executable, "-m", "benchmarks.engine", "--contender", name]
    if architecture:
        command += ["--architecture", architecture]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    order(process, "warm up")
    return process


def order(process: subprocess.Popen[str], text: str) -> float:
    """Give an order to a contender's process and return its answer."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(text + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise InputError(f"a contender's process ended: {process.args!r}")
    number: float = json.loads(answer)
    return number


def serve(run_round: Round, forks: bool) -> None:
    """Answer orders from standard input: "peak" with the peak memory, any other with a round."""
    for line in sys.stdin:
        if line.strip() == "peak":  # The last order: only ended workers count.
            for worker in multiprocessing.active_children():
                worker.terminate()
                worker.join()
            print(peak_memory_bytes(forks), flush=True)
        else:
            print(json.dumps(run_round()), flush=True)


def prepare(contender: str, architecture: str | None) -> Round:
    """Return a contender's round."""
    if contender == "gemm":
        return measure_gemm
    if contender in MINIMIZERS:
        return prepare_minimizer(contender)
    assert architecture
    return prepare_training(contender, architecture)


def prepare_training(contender: str, architecture: str) -> Round:
    """Return a round of training: it returns the training images per second."""
    run, data = load_run(*RUNS[architecture]), load_data()
    images, labels = network_inputs(data.train[0], None), data.train[1]
    weights = initial_weights(run.layers, IMAGE_SHAPE, run.recipe.initializer, run.seed)
    recipe = run.recipe.model_copy(update={"l2": 0.0})
    steps = CONTENDERS[contender](Task(run.layers, recipe, weights, images, labels))
    generator, n = np.random.default_rng(0), IMAGES_A_ROUND[architecture]

    def run_round() -> float:
        n_epochs = -(-n // len(labels))
        samples = np.concatenate([generator.permutation(len(labels)) for _ in range(n_epochs)])
        batches = samples[:n].reshape(-1, BATCH_SIZE)
        started = time.perf_counter()
        steps(batches)
        return n / (time.perf_counter() - started)

    return run_round


def measure_gemm() -> float:
    """Return this machine's speed at large float32 matrix products, in GFLOP/s.

    NumPy uses its own threads.
    """
    a = np.random.default_rng(0).random((GEMM_SIDE, GEMM_SIDE), dtype=np.float32)
    started = time.perf_counter()
    for _ in range(GEMM_PRODUCTS):
        a @ a
    return GEMM_PRODUCTS * 2 * GEMM_SIDE**3 / (time.perf_counter() - started) / 1e9


def training_flops(architecture: str) -> int:
    """Return the operations of plain training on one image.

    The backward pass takes twice those of the forward pass, without the first layer's d_x.
    """
    by_layer = count_multiplications(load_run(*RUNS[architecture]).layers, IMAGE_SHAPE)
    return 2 * (3 * sum(by_layer) - by_layer[0])


def report(result: dict[str, Any]) -> None:
    """Print the tables. Each architecture ends with its ratio, scratch over torch eager."""
    for architecture, rows in result["training"].items():
        for name, row in rows.items():
            speed = f"{row['median']:10,.0f} images/s ({row['low']:,.0f} to {row['high']:,.0f})"
            memory = f"{row['peak_memory_bytes'] / 2**20:6,.0f} MiB"
            share = f"{row['share_of_gemm']:.0%} of SGEMM"
            print(f"{architecture:12}{name:38}{speed}  {memory}  {share}")
        ours, theirs = rows["scratch, 2 workers"], rows["torch eager, 2 threads"]
        print(f"{architecture} ratio {ours['median'] / theirs['median']:.2f}")
    rows = result["minimizers"]
    for name, row in rows.items():
        print(f"{name:65}{row['median']:10.1f} s ({row['low']:.1f} to {row['high']:.1f})")
    ours, theirs = rows["scratch, conjugate gradient"], rows["plain float64, conjugate gradient"]
    print(f"conjugate_gradient ratio {theirs['median'] / ours['median']:.2f}")


if __name__ == "__main__":
    with one_line_errors():
        main()
