"""--to pt: a TorchScript program, for torch.jit.load in Python and torch::jit::load in C++.

Contract: digits/export/formats.py. PyTorch intends torch.export to replace TorchScript. But
torch.export.load unpickles any object that a file names (seen in 2.13), so a file can run any code.
torch.jit.load builds tensors and the program's own types, and refuses everything else.

The loaded module can be trained further. It has the network's parameters under their names in an
nn.Sequential, such as "network.0.weight". The metadata is the extra file "metadata.json":
torch.jit.load(path, _extra_files=files), with files = {"metadata.json": ""}.
"""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

# This import comes first: it sets environment variables that PyTorch reads at its import.
from digits.backends.torch import network

# isort: split
import numpy as np
import torch
from torch import nn

from digits.model.model_file import Model
from digits.preprocessing.apply import Preprocessing

METADATA = "metadata.json"


class FromRaw(nn.Module):
    """Preprocessing and network in one module: raw images (n, 28, 28) to logits (n, n_classes)."""

    def __init__(
        self, network: nn.Sequential, preprocessing: Preprocessing, kept: list[int] | None
    ):
        super().__init__()
        self.mean, self.std = preprocessing.mean, preprocessing.std
        self.pixels = None if kept is None else nn.Buffer(torch.tensor(kept))
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = (images.float() - self.mean) / self.std
        x = x.unsqueeze(1) if self.pixels is None else x.flatten(1)[:, self.pixels]
        logits: torch.Tensor = self.network(x)
        return logits


def write(path: Path, model: Model, metadata: dict[str, Any]) -> None:
    """Write the model and its metadata, the result of `describe`."""
    description = model.description
    built = network.build(description.architecture, model.weights, description.input_shape)
    raw = FromRaw(built, description.preprocessing, description.kept_pixels).eval()
    with_paths = path.with_suffix(".with_paths.pt")
    program: Any = torch.jit.script(raw)
    program.save(with_paths, _extra_files={METADATA: json.dumps(metadata)})
    # The debug records hold source paths on this machine. Only error messages need them.
    with ZipFile(with_paths) as source, ZipFile(path, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                target.writestr(entry, source.read(entry))


@torch.inference_mode()
def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Load the file as its users do; return the logits, float32 (n, n_classes)."""
    load: Any = torch.jit.load
    found: np.ndarray = load(path)(torch.from_numpy(images)).numpy()
    return found
