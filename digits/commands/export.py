"""Export a model to a file that runs without this project.

    digits export models/tf/cnn --to onnx                     writes exports/tf/cnn.onnx
    digits export models/tf/cnn --to pt --output digits.pt

digits/export/formats.py describes the formats. The command writes the file only if its logits equal
those of the engine written from scratch, up to float32 rounding. It writes a model card beside it.
"""

import argparse
from pathlib import Path

from digits.errors import InputError
from digits.export.card import card_path, find_metrics, write_card
from digits.export.check import export_model, load_check_images
from digits.export.formats import FORMATS, check_format, load_format
from digits.model.model_file import load_model

EXAMPLE = "digits export models/tf/cnn --to onnx"

MODELS = Path("models")
EXPORTS = Path("exports")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "model", type=Path, help="a run's folder, such as models/tf/cnn, or a model file"
    )
    parser.add_argument("--to", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument(
        "--output",
        type=Path,
        help="the file to write (exports/FRAMEWORK/RUN.FORMAT)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the file; print how far its logits differ from the engine's, and on which images."""
    check_format(arguments.to)
    model = load_model(arguments.model)
    output = arguments.output or default_output(arguments.model, arguments.to)
    check_output(output, arguments.to)
    images, title = load_check_images()
    difference = export_model(model, load_format(arguments.to), images, output)
    write_card(output, model, find_metrics(arguments.model))
    print(f"{output}: logits within {difference:.1e} of the model's on {title}")
    print(f"{card_path(output)}: the model card")
    return 0


def default_output(model: Path, name: str) -> Path:
    """Return exports/tf/cnn.onnx for models/tf/cnn, or for its model.safetensors.

    The names come from the folders. The model file's own description is not used.
    """
    path = model.resolve()
    folder = path if path.is_dir() else path.parent
    return EXPORTS / folder.parent.name / f"{folder.name}.{name}"


def check_output(output: Path, name: str) -> None:
    """Raise InputError unless the file's ending is the format's and the file is outside models/."""
    if output.suffix != f".{name}":
        raise InputError(f"--output is {str(output)!r}; expected a file that ends in .{name}")
    if output.resolve().is_relative_to(MODELS.resolve()):
        raise InputError(
            f"--output is {str(output)!r}; expected a file outside {MODELS}/: "
            "DVC retrains a run if its folder has changed"
        )
