"""The body of the three train stages: train one run, write its model, history and times."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from digits.base.files import write_json
from digits.base.params import load_global
from digits.base.processor import describe_machine
from digits.errors import InputError
from digits.model.model_file import write_model
from digits.pipeline.fingerprint import stage_fingerprint
from digits.training.announcement import announce
from digits.training.backend import Backend
from digits.training.checkpoint import Checkpoint, digest_arrays, training_key
from digits.training.logger import HistoryFile, load_loggers
from digits.training.loop import load_data, train
from digits.training.memory import keep_freed_memory, peak_memory_bytes
from digits.training.provenance import package_versions
from digits.training.run import Run, load_run
from digits.training.team import Team

CODE = Path(__file__).parents[2]  # the checkout that this code is part of
MODELS = Path("models")
TIMINGS = Path("timings")
CHECKPOINTS = Path("checkpoints")


def train_stage(backend: Backend, framework: str) -> None:
    """Train the run named on the command line, by default that of DVC's stage.

    Reads params.yaml and data/processed/. Writes models/<framework>/<run>/ and, separately, the
    times. Only rank 0 writes, after all ranks have finished.
    """
    keep_freed_memory()
    run = load_run(framework, run_name(framework))
    folder = MODELS / framework / run.name
    data = load_data()
    digest = digest_arrays(*data.train, *data.validation)
    code = stage_fingerprint(f"train_{framework}", CODE)
    with backend.join(run) as team:
        task = [run.describe(), data.preprocessing.model_dump(), run.seed, digest, code]
        check_same(team, training_key(task))
        setting = describe_setting(backend, run, team, code) | {"data_sha256": digest}
        key = training_key([*task, setting])
        checkpoint = Checkpoint(CHECKPOINTS / framework / f"{run.name}.safetensors", key)
        if not team.rank:
            print(announce(run), file=sys.stderr)
        loggers = [HistoryFile(folder / "history.csv"), *load_loggers(run)]
        model, recorder = train(backend, run, data, checkpoint, loggers, team)
        peak = int(team.sum(np.array(peak_memory_bytes(backend.FORKS))))
    if team.rank:
        return
    write_model(folder / "model.safetensors", model)
    cost = {"train_seconds": round(recorder.train_seconds, 3), "peak_memory_bytes": peak}
    write_json(TIMINGS / framework / f"{run.name}.json", cost | setting)
    checkpoint.remove()


def run_name(framework: str) -> str:
    """Return the name of the run to train: the argument, or the part of DVC_STAGE after the @."""
    parser = argparse.ArgumentParser(description=f"Train one run in {framework}.")
    parser.add_argument(
        "run",
        nargs="?",
        help=f"a key of train_{framework} in params.yaml (default: that of DVC's stage)",
    )
    name: str = parser.parse_args().run or os.environ.get("DVC_STAGE", "").partition("@")[2]
    return name


def check_same(team: Team, digest: str) -> None:
    """Raise InputError on every rank unless all have the same digest, in hexadecimal."""
    digests = team.gather(np.frombuffer(bytes.fromhex(digest), np.int64))
    for rank, other in enumerate(digests):
        if not np.array_equal(other, digests[0]):
            raise InputError(
                f"rank {rank} of {team.size} has other parameters, data or code than rank 0;"
                " use the same checkout and data for all ranks"
            )


def describe_setting(backend: Backend, run: Run, team: Team, code: str) -> dict[str, Any]:
    """Return the rest that a training's result depends on: seed, threads, machine, versions …"""
    return {
        "seed": run.seed,
        "threads": run.threads,
        "processes": team.size,
        "device": backend.name_device(team.device),
        "portable": load_global("portable"),
        "library": backend.LIBRARY,
        **describe_machine(),
        "packages": package_versions(code),
    }
