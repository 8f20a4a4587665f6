"""Measure what `portable: true` costs on this processor, and whether it changes the models.

    python -m benchmarks.portable

The measure is the training time of the run `fast` with the frameworks limited to AVX2, divided by
the time without the limit. Each training is a process of its own, in turn with and without. Only
the ratios mean anything. Writes benchmarks/results/portable.json.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from digits.base.params import FRAMEWORKS
from digits.base.processor import LIMITS, describe_machine
from digits.errors import InputError, one_line_errors

RESULT = Path("benchmarks/results/portable.json")
RUN, ROUNDS = "fast", 3


def main() -> None:
    """Measure all frameworks; with --framework, measure one training in this process."""
    parser = argparse.ArgumentParser(description="Measure what portable: true costs.")
    parser.add_argument("--framework", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    framework = parser.parse_args().framework
    if framework:
        print(json.dumps(measure(framework)))
        return
    from benchmarks.rounds import summarize
    from digits.base.files import write_json

    rows = {}
    for name in FRAMEWORKS:
        plain, limited = [], []
        for _ in range(ROUNDS):
            plain.append(measure_apart(name, {}))
            limited.append(measure_apart(name, LIMITS))
        ratios = [
            after["seconds"] / before["seconds"]
            for before, after in zip(plain, limited, strict=True)
        ]
        models = [{training["sha256"] for training in trainings} for trainings in (plain, limited)]
        rows[name] = {
            "ratio": summarize(ratios),
            "same_every_time": all(len(digests) == 1 for digests in models),
            "same_with_and_without": models[0] == models[1],
        }
        print(f"{name} ratio {median(ratios):.2f}, {rows[name]}", flush=True)
    write_json(RESULT, {"run": RUN, "rounds": ROUNDS, "rows": rows} | describe_machine())


def measure_apart(framework: str, variables: dict[str, str]) -> Any:
    """Return what `measure` returns, from a process with more environment variables."""
    command = [sys.executable, "-m", "benchmarks.portable", "--framework", framework]
    done = subprocess.run(command, env=os.environ | variables, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise InputError(f"`{' '.join(command[1:])}` exited {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(framework: str) -> dict[str, Any]:
    """Train the run; return its training time in seconds and the SHA-256 of its weights."""
    from digits.training.backend import load_backend
    from digits.training.checkpoint import digest_arrays
    from digits.training.loop import load_data, train
    from digits.training.memory import keep_freed_memory
    from digits.training.run import load_run

    keep_freed_memory()
    model, recorder = train(load_backend(framework), load_run(framework, RUN), load_data())
    return {"seconds": recorder.train_seconds, "sha256": digest_arrays(*model.weights.values())}


if __name__ == "__main__":
    with one_line_errors():
        main()
