"""The formats of exported models, and the metadata of an exported file.

| format | loaded with                                  | called with the images as    |
|--------|----------------------------------------------|------------------------------|
| pt     | torch.jit.load(path)                         | uint8 or any floats          |
| keras  | keras.saving.load_model(path), safe_mode on  | uint8 or any floats          |
| onnx   | onnxruntime.InferenceSession(path), or other | float32 "images" to "logits" |

All take any number of raw images (n, 28, 28); 0 is background and 255 is ink. They return logits,
float32 (n, n_classes). The file includes the normalisation and the pruning of pixels. It can run
the network, but no other code.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from digits.errors import InputError
from digits.model.model_file import Model

FORMATS = ("pt", "keras", "onnx")


class Format(Protocol):
    """A module digits/export/<format>.py."""

    def write(self, path: Path, model: Model, metadata: dict[str, Any]) -> None:
        """Write the model and its metadata, the result of `describe`."""

    def logits(self, path: Path, images: np.ndarray) -> np.ndarray:
        """Load the file as its users do; return the logits, float32 (n, n_classes).

        Images are raw, uint8 (n, 28, 28).
        """


def check_format(name: str) -> None:
    """Raise InputError if there is no such format."""
    if name not in FORMATS:
        raise InputError(f"--to is {name!r}; expected one of: {', '.join(FORMATS)}")


def load_format(name: str) -> Format:
    """Import one format's module and the packages that it needs."""
    return cast(Format, import_module(f"digits.export.{name}"))


def describe(model: Model) -> dict[str, Any]:
    """Return the metadata of an exported file, ready for JSON."""
    description = model.description
    return {
        "input": "images (n, 28, 28), raw: 0 is background, 255 is ink",
        "output": "logits (n, n_classes), before softmax, in the order of class_names",
        "class_names": description.preprocessing.class_names,
        "dataset": description.preprocessing.dataset,
        "trained_with": description.framework,
        "run": description.run,
    }
