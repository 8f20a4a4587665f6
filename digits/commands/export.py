"""Export a model to a file that needs nothing of this project.

    digits export models/tf/cnn --to onnx                     writes exports/tf/cnn.onnx
    digits export models/tf/cnn --to pt --output digits.pt

The formats are in digits/export/formats.py. The file is written only if its logits are those of the
engine written from scratch.
"""

import argparse
from pathlib import Path

from digits.errors import InputError
from digits.export.check import export_model, load_check_images
from digits.export.formats import FORMATS, check_format, load_format
from digits.model.model_file import load_model

EXAMPLE = "digits export models/tf/cnn --to onnx"

MODELS = Path("models")
EXPORTS = Path("exports")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "model", type=Path, help="a run's folder, as in models/tf/cnn, or the model's file"
    )
    parser.add_argument("--to", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument(
        "--output",
        type=Path,
        help="the file to write (exports/FRAMEWORK/RUN.FORMAT)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the file, and say how far its logits differ from the engine's, and on which images."""
    check_format(arguments.to)
    model = load_model(arguments.model)
    output = arguments.output or default_output(arguments.model, arguments.to)
    check_output(output, arguments.to)
    images, title = load_check_images()
    difference = export_model(model, load_format(arguments.to), images, output)
    print(f"{output}: logits within {difference:.1e} of the model's on {title}")
    return 0


def default_output(model: Path, name: str) -> Path:
    """Return exports/tf/cnn.onnx for models/tf/cnn, or for its model.safetensors.

    The name is that of the model's place, not what the file says of itself.
    """
    path = model.resolve()
    folder = path if path.is_dir() else path.parent
    return EXPORTS / folder.parent.name / f"{folder.name}.{name}"


def check_output(output: Path, name: str) -> None:
    """Raise InputError if the ending is not the format's, or if DVC watches the folder."""
    if output.suffix != f".{name}":
        raise InputError(f"--output is {str(output)!r}; expected a file that ends in .{name}")
    if output.resolve().is_relative_to(MODELS.resolve()):
        raise InputError(
            f"--output is {str(output)!r}; expected a file outside {MODELS}/: "
            "DVC trains a run again if its folder has changed"
        )
