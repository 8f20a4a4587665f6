"""Race the engine written from scratch against PyTorch and Keras, in one run, on the training split
that the pipeline made.

    python -m benchmarks.engine

Every contender trains in a process of its own; they take turns, a round each, so that a busy
neighbour slows all of them alike. Only ratios within one run mean anything. Writes
benchmarks/results/engine.json: for each architecture and contender the median and the range of its
training images per second and its peak memory, and for conjugate gradient the seconds to the same
value of the objective.
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.contenders import CONTENDERS, Task, machine_is_two_core, plain_objective
from digits.base.files import read_json, read_split, write_json
from digits.errors import InputError, one_line_errors
from digits.model.architecture import count_multiplications
from digits.preprocessing.apply import network_inputs
from digits.training.initial_weights import initial_weights
from digits.training.memory import peak_memory_bytes
from digits.training.params import IMAGE_SHAPE, load_params
from digits.training.provenance import describe_machine

RESULT = Path("benchmarks/results/engine.json")
PROCESSED = Path("data/processed")
RUNS = {
    "cnn": ("scratch", "cnn"),
    "cnn_5x5": ("torch", "cnn_5x5"),
    "mlp_128_64": ("scratch", "mlp"),
}
BATCH_SIZE = 64
IMAGES_A_ROUND = {"cnn": 6_400, "cnn_5x5": 6_400, "mlp_128_64": 64_000}
ROUNDS = 5
MINIMIZER_ROUNDS = 3
OBJECTIVE = 0.15  # nats: where the minimizers are timed to
# SciPy's method for each, and whose objective it minimizes.
MINIMIZERS = {
    "scratch, conjugate gradient": ("CG", "scratch"),
    "plain float64, conjugate gradient": ("CG", "plain"),
    "plain float64 with its constants made once, conjugate gradient": ("CG", "plain, prepared"),
    "scratch, L-BFGS": ("L-BFGS-B", "scratch"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Race the engine against PyTorch and Keras.")
    parser.add_argument(
        "--contender", choices=[*CONTENDERS, "gemm", *MINIMIZERS], help=argparse.SUPPRESS
    )
    parser.add_argument("--architecture", choices=list(RUNS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        serve(
            prepare(arguments.contender, arguments.architecture),
            forks=arguments.contender.startswith("scratch"),
        )
        return
    if not machine_is_two_core():
        raise InputError("the contenders are set to two cores; this process has one")
    # What the machine can do, whoever else was busy.
    gemm = race(["gemm"], None, rounds=5)["gemm"]["high"]
    result = {
        "gemm_gflops": round(gemm, 1),
        "batch_size": BATCH_SIZE,
        "rounds": ROUNDS,
        **describe_machine(),
        "training": {},
    }
    for architecture in RUNS:
        rows = race(list(CONTENDERS), architecture, ROUNDS)
        flops = training_flops(architecture)
        for row in rows.values():
            row["share_of_gemm"] = round(row["median"] * flops / (gemm * 1e9), 3)
        result["training"][architecture] = rows
    result |= {"objective": OBJECTIVE, "minimizer_rounds": MINIMIZER_ROUNDS}
    result["minimizers"] = race(list(MINIMIZERS), None, MINIMIZER_ROUNDS)
    write_json(RESULT, result)
    report(result)


def race(names: list[str], architecture: str | None, rounds: int) -> dict[str, dict]:
    """Run the contenders in turn, `rounds` times, and return each one's median, lowest and highest
    number and its peak memory.
    """
    command = [sys.executable, "-m", "benchmarks.engine"] + (
        ["--architecture", architecture] if architecture else []
    )
    processes = {}
    for name in names:  # one after another, so that their starts do not overlap with a round
        processes[name] = subprocess.Popen(
            [*command, "--contender", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ask(processes[name], "warm up")
    numbers: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name, process in processes.items():
            numbers[name].append(ask(process, "round"))
        print(f"{architecture or names[0]}: round {number + 1} of {rounds}", file=sys.stderr)
    peaks = {name: ask(process, "peak") for name, process in processes.items()}
    for process in processes.values():
        process.communicate()
    return {
        name: {
            "median": round(median(found), 3),
            "low": round(min(found), 3),
            "high": round(max(found), 3),
            "peak_memory_bytes": int(peaks[name]),
        }
        for name, found in numbers.items()
    }


def ask(process: subprocess.Popen, order: str) -> float:
    """Give an order to a contender's process and return its answer."""
    assert process.stdin and process.stdout
    process.stdin.write(order + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise InputError(f"a contender ended: {' '.join(map(str, process.args))}")  # type: ignore[arg-type]
    return json.loads(answer)


def serve(run_round, forks: bool) -> None:
    """Answer orders from standard input: take part in a round, or tell the peak memory."""
    for line in sys.stdin:
        if line.strip() == "peak":  # the last order: only ended workers are counted
            for worker in multiprocessing.active_children():
                worker.terminate()
                worker.join()
            print(peak_memory_bytes(forks), flush=True)
        else:
            print(json.dumps(run_round()), flush=True)


def prepare(contender: str, architecture: str | None):
    """Return a contender's round: a function that works for a while and returns its number."""
    if contender == "gemm":
        return measure_gemm
    if contender in MINIMIZERS:
        return prepare_minimizer(*MINIMIZERS[contender])
    assert architecture
    params = load_params()
    recipe = params.recipe(*RUNS[architecture])
    images, labels = read_split(PROCESSED / "train")
    layers = params.architectures[architecture]
    weights = initial_weights(layers, IMAGE_SHAPE, recipe.initializer, params.seed)
    steps = CONTENDERS[contender](
        Task(layers, recipe, weights, network_inputs(images, None), labels)
    )
    generator = np.random.default_rng(0)

    def run_round() -> float:
        """Train on IMAGES_A_ROUND images and return how many a second."""
        n = IMAGES_A_ROUND[architecture]
        batches = np.concatenate(
            [generator.permutation(len(labels)) for _ in range(-(-n // len(labels)))]
        )[:n].reshape(-1, BATCH_SIZE)
        started = time.perf_counter()
        steps(batches)
        return n / (time.perf_counter() - started)

    return run_round


def prepare_minimizer(method: str, whose: str):
    """Return a round of one of SciPy's minimizers on the sigmoid network: the seconds to OBJECTIVE."""
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    from digits.backends.scratch import network as backend_scratch
    from digits.scratch.fast.workers import Workers
    from digits.training.memory import keep_freed_memory

    params = load_params()
    recipe = params.recipe("scratch", "mlp_sigmoid")
    images, labels = read_split(PROCESSED / "train")
    x = network_inputs(images, read_json(PROCESSED / "preprocessing.json")["kept_pixels"])
    layers = params.architectures["mlp_sigmoid"]
    weights = initial_weights(layers, x.shape[1:], recipe.initializer, params.seed)
    network = backend_scratch.build(layers, weights)
    start = network.parameters.astype(np.float64)
    if whose != "scratch":
        n_hidden, n_classes = weights["2_dense.W"].shape
        objective = plain_objective(
            x, labels, n_hidden, n_classes, recipe.l2, prepared=whose == "plain, prepared"
        )
    else:
        keep_freed_memory()
        threadpool_limits(1, user_api="blas")
        workers = Workers(network, x, labels, params.threads)

        def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
            network.parameters[:] = parameters
            result = workers.loss_and_gradient(l2=recipe.l2)
            return result.loss + network.penalty(recipe.l2), result.gradient.astype(np.float64)

    def stop_at(intermediate_result) -> None:
        if intermediate_result.fun <= OBJECTIVE:
            raise StopIteration

    def run_round() -> float:
        started = time.perf_counter()
        minimize(
            objective, start, jac=True, method=method, callback=stop_at, options={"maxiter": 500}
        )
        return time.perf_counter() - started

    return run_round


def measure_gemm() -> float:
    """Return this machine's speed at a large float32 matrix product, NumPy's own threads, in
    GFLOP/s.
    """
    n = 2048
    a = np.random.default_rng(0).random((n, n), dtype=np.float32)
    started = time.perf_counter()
    for _ in range(10):
        a @ a
    return 10 * 2 * n**3 / (time.perf_counter() - started) / 1e9


def training_flops(architecture: str) -> int:
    """Return the operations of plain training on one image: forward, and twice as much back, but
    for the first layer's input.
    """
    by_layer = count_multiplications(load_params().architectures[architecture], IMAGE_SHAPE)
    return 2 * (3 * sum(by_layer) - by_layer[0])


def report(result: dict) -> None:
    """Print the table, and last for each architecture its name, `ratio`, and scratch over torch
    eager.
    """
    for architecture, rows in result["training"].items():
        for name, row in rows.items():
            megabytes = row["peak_memory_bytes"] / 2**20
            numbers = f"{row['median']:10,.0f} images/s ({row['low']:,.0f} to {row['high']:,.0f})  {megabytes:6,.0f} MiB"
            print(f"{architecture:12}{name:38}{numbers}  {row['share_of_gemm']:.0%} of SGEMM")
        print(f"{architecture} ratio {ratio(rows):.2f}")
    rows = result["minimizers"]
    for name, row in rows.items():
        print(f"{name:65}{row['median']:10.1f} s ({row['low']:.1f} to {row['high']:.1f})")
    print(
        f"conjugate_gradient ratio {rows['plain float64, conjugate gradient']['median'] / rows['scratch, conjugate gradient']['median']:.2f}"
    )


def ratio(rows: dict[str, dict]) -> float:
    return rows["scratch, 2 workers"]["median"] / rows["torch eager, 2 threads"]["median"]


if __name__ == "__main__":
    with one_line_errors():
        main()
