"""--to pt: a TorchScript program, for torch.jit.load in Python and torch::jit::load in C++.
Contract: digits/commands/export.py.

PyTorch means torch.export to follow TorchScript, but torch.export.load unpickles any object that a
file names (seen in 2.13), and so runs what it says; torch.jit.load builds tensors and the program's
own types, and refuses all else.

The module loaded has the network's parameters under their names in an nn.Sequential,
"network.0.weight", and can be trained on. What `describe` returned is the extra file
"metadata.json": torch.jit.load(path, _extra_files=files), with files = {"metadata.json": ""}.
"""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from torch import nn

from digits.backends.torch import network as backend_torch
from digits.model.model_file import Model, kept_pixels
from digits.preprocessing.apply import Preprocessing


class FromRaw(nn.Module):
    """A network behind what its images go through first: raw images (n, 28, 28) to logits (n,
    n_classes).
    """

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
        return self.network(x)


def write(path: Path, model: Model, metadata: dict[str, Any]) -> None:
    description = model.description
    network = backend_torch.build(description.architecture, model.weights, description.input_shape)
    raw = FromRaw(
        network,
        description.preprocessing,
        kept_pixels(description.pixels, description.preprocessing),
    ).eval()
    with_paths = path.with_suffix(".with_paths.pt")
    torch.jit.script(raw).save(with_paths, _extra_files={"metadata.json": json.dumps(metadata)})
    # The debug records hold the source's place on this machine. Nothing but the text of an error
    # needs them.
    with ZipFile(with_paths) as source, ZipFile(path, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                target.writestr(entry, source.read(entry))


@torch.inference_mode()
def logits(path: Path, images: np.ndarray) -> np.ndarray:
    return torch.jit.load(path)(torch.from_numpy(images)).numpy()
