"""Checkpoints: a killed training resumes after its last finished epoch, and ends in the same bytes.

Checkpoints are not DVC outputs, because DVC removes outputs before a stage runs. A checkpoint's key
is a digest of everything that the result depends on. A checkpoint with another key is ignored.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from digits.base.files import rewritten
from digits.model.architecture import Weights
from digits.training.team import Team

State = dict[str, np.ndarray]


class Progress(NamedTuple):
    """A training after finished epochs: history, seconds, weights, the back end's own state."""

    n_epochs: int
    history: list[dict[str, Any]]
    train_seconds: float
    weights: Weights
    state: State


class Checkpoint:
    """The file that holds the latest progress of the training with this key."""

    def __init__(self, path: Path, key: str):
        self.path, self.key = path, key

    def save(self, progress: Progress) -> None:
        """Replace the file, whole or not at all."""
        with rewritten(self.path) as partial:
            partial.write_bytes(pack(progress, self.key))

    def load(self) -> Progress | None:
        """Return the saved progress; None if the file is missing, damaged or has another key."""
        try:
            return unpack(self.path.read_bytes(), self.key)
        except OSError:
            return None

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def pack(progress: Progress, key: str) -> bytes:
    """Return progress and its key as a safetensors file."""
    arrays = {f"weights/{name}": array for name, array in progress.weights.items()}
    arrays |= {f"state/{name}": array for name, array in progress.state.items()}
    # safetensors loses the order of the names. It is the order of the layers, so store it.
    record = {
        "key": key,
        "n_epochs": progress.n_epochs,
        "history": progress.history,
        "train_seconds": progress.train_seconds,
        "names": list(arrays),
    }
    return save(
        {name: np.array(array, order="C") for name, array in arrays.items()},
        metadata={"digits": json.dumps(record)},
    )


def unpack(data: bytes, key: str) -> Progress | None:
    """Return the progress that `pack` stored with this key; None for any other data."""
    try:
        # A safetensors file begins with the length of its header, which is JSON.
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        record = json.loads(header["__metadata__"]["digits"])
        if record["key"] != key:
            return None
        loaded = load(data)
        arrays = {name: loaded[name] for name in record["names"]}
        weights, state = (
            {
                name.removeprefix(prefix): array
                for name, array in arrays.items()
                if name.startswith(prefix)
            }
            for prefix in ("weights/", "state/")
        )
        return Progress(
            record["n_epochs"], record["history"], record["train_seconds"], weights, state
        )
    except (SafetensorError, ValueError, LookupError, TypeError):
        return None


def share_progress(progress: Progress | None, team: Team) -> Progress | None:
    """Return rank 0's progress on every rank, because the others may not see its file."""
    if team.size == 1:
        return progress
    return unpack(team.broadcast(pack(progress, key="") if progress else b""), key="")


def digest_arrays(*arrays: np.ndarray) -> str:
    """Return the SHA-256 digest of the arrays' types, shapes and values, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def training_key(settings: Any) -> str:
    """Return the SHA-256 digest of the settings as JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
