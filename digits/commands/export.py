"""Export a run's model, whatever framework trained it, as a file that others load without this
project.

    python -m digits.commands.export models/tf/cnn --to onnx                     writes
    exports/tf/cnn.onnx python -m digits.commands.export models/tf/cnn --to pt --output digits.pt

| --to  | loaded with                                  | called with the images as      |
|-------|----------------------------------------------|--------------------------------|
| pt    | torch.jit.load(path)                         | uint8 or any floats            |
| keras | keras.saving.load_model(path), safe_mode on  | uint8 or any floats            |
| onnx  | onnxruntime.InferenceSession(path), or other | float32 "images" to "logits"   |

All take raw images (n, 28, 28), 0 is paper and 255 is ink, n free, and return logits, float32 (n,
n_classes): normalisation and the pruning of pixels are in the file. So is what to know of it, see
`describe`. Loading one runs nothing but the network.

A format is a module digits/export_<format>.py with two functions:

    write(path, model, metadata)    Write the model, and what `describe` returned of it.
    logits(path, images)            Load the file as anyone does, and return its logits, float32 (n,
    n_classes), for raw images, uint8.

A file takes its place only if its logits are those of the engine in digits/scratch, see
`check_logits`.
"""

import argparse
import shutil
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np

from digits.backends.scratch import network as backend_scratch
from digits.base.files import read_split, rewritten
from digits.datasets.synthetic import draw_stand_in
from digits.errors import InputError, one_line_errors
from digits.model.model_file import Model, read_model

# What has the packages of each format: requirements/<part>.txt.
FORMATS = {"pt": "torch", "keras": "tf", "onnx": "use"}
MODELS = Path("models")
TEST = Path("data/raw/test")
EXPORTS = Path("exports")

N_DIGITS, N_NOISE = 1000, 24
# Of the largest logit. float32 sums over some thousand products, taken in another order, were off
# by at most 4e-7 of it in nine trained models.
TOLERANCE = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Export a run's model as a file that others load without this project."
    )
    parser.add_argument(
        "model",
        type=Path,
        help="the folder of a run, as in models/tf/cnn, or its model.safetensors",
    )
    parser.add_argument("--to", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument(
        "--output",
        type=Path,
        help="the file to write; exports/<framework>/<run>.<format> where none is named",
    )
    arguments = parser.parse_args()
    check_format(arguments.to)
    path = (
        arguments.model
        if arguments.model.suffix == ".safetensors"
        else arguments.model / "model.safetensors"
    )
    model = read_model(path)
    output = arguments.output or default_output(path, arguments.to)
    check_output(output, arguments.to)
    images = check_images()
    difference = export(model, load_format(arguments.to), images, output)
    print(f"{output}: logits within {difference:.1e} of the model's on {len(images):,} images")


def check_format(name: str) -> None:
    if name not in FORMATS:
        raise InputError(f"--to is {name!r}; expected one of: {', '.join(FORMATS)}")


def default_output(path: Path, name: str) -> Path:
    """Return exports/tf/cnn.onnx for models/tf/cnn/model.safetensors: named by where the model
    lies, not by what a file says of itself.
    """
    folder = path.resolve().parent
    return EXPORTS / folder.parent.name / f"{folder.name}.{name}"


def load_format(name: str) -> ModuleType:
    """Return the format's module; raise InputError where its packages are not installed."""
    try:
        return import_module(f"digits.export.{name}")
    except ModuleNotFoundError as error:
        raise InputError(
            f"--to {name} needs {error.name}, which is not installed; run `pip install -r requirements/{FORMATS[name]}.txt`"
        ) from None


def check_output(output: Path, name: str) -> None:
    """Raise InputError unless the file may be written: with the ending that its loaders go by, and
    not into a folder that DVC watches.
    """
    if output.suffix != f".{name}":
        raise InputError(f"--output is {str(output)!r}; expected a file that ends in .{name}")
    if output.resolve().is_relative_to(MODELS.resolve()):
        raise InputError(
            f"--output is {str(output)!r}; expected a file outside {MODELS}/: DVC trains a run again whose folder has changed"
        )


def export(model: Model, backend: ModuleType, images: np.ndarray, output: Path) -> float:
    """Write the model to `output` in a format; return the largest difference in logits on raw
    images, uint8 (n, 28, 28).

    Raise InputError where the logits are not the model's, or the file cannot be written. Then
    nothing is left behind.
    """
    with TemporaryDirectory() as folder:
        made = Path(folder) / f"model{output.suffix}"
        backend.write(made, model, describe(model))
        difference = check_logits(
            output, backend.logits(made, images), reference_logits(model, images)
        )
        try:
            with rewritten(output) as partial:
                shutil.copyfile(made, partial)
        except OSError as error:
            raise InputError(
                f"{output}: cannot be written: {error.strerror}; name another file with --output"
            ) from None
    return difference


def describe(model: Model) -> dict[str, Any]:
    """Return what every exported file says of itself, ready for JSON."""
    preprocessing = model.description.preprocessing
    return {
        "input": "images (n, 28, 28), raw: 0 is paper, 255 is ink",
        "output": "logits (n, n_classes), before softmax, in the order of class_names",
        "class_names": preprocessing.class_names,
        "dataset": preprocessing.dataset,
        "trained_with": model.description.framework,
        "run": model.description.run,
    }


def check_images() -> np.ndarray:
    """Return raw images to compare logits on, uint8 (n, 28, 28): test digits, and noise, in which
    every pixel counts.

    Where there are no test digits, drawn ones take their place: the comparison is always made.
    """
    digits = (
        read_split(TEST)[0]
        if TEST.exists()
        else draw_stand_in(seed=0, n_train=1, n_test=N_DIGITS)[1][0]
    )
    noise = np.random.default_rng(0).integers(0, 256, (N_NOISE, 28, 28), np.uint8)
    return np.concatenate([digits[:N_DIGITS], noise])


def reference_logits(model: Model, images: np.ndarray) -> np.ndarray:
    """Return the logits that the engine in digits/scratch gives, float32 (n, n_classes), for raw
    images, uint8 (n, 28, 28).
    """
    return backend_scratch.build(model.description.architecture, model.weights).logits(
        model.inputs(images)
    )


def check_logits(output: Path, found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference; raise InputError unless it is within float32's rounding,
    TOLERANCE times the largest logit.
    """
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise InputError(
            f"{output}: not written: it gave logits {found.dtype} {found.shape}; expected {expected.dtype} {expected.shape}"
        )
    difference, allowed = (
        float(np.abs(found - expected).max()),
        TOLERANCE * float(np.abs(expected).max()),
    )
    if not difference <= allowed:  # a NaN is not
        raise InputError(
            f"{output}: not written: its logits are up to {difference:.2g} off the model's; expected at most {allowed:.2g}"
        )
    return difference


if __name__ == "__main__":
    with one_line_errors():
        main()
