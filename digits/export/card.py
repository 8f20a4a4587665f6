"""The model card of an exported file: Markdown, from the model's description and its metrics."""

import hashlib
import json
from pathlib import Path
from typing import Any

from digits.base.files import read_json, write_text
from digits.base.titles import DATASETS, FRAMEWORKS
from digits.model.model_file import Model

# How users load a file of each format and call the model.
LOADING = {
    "pt": """\
import torch

model = torch.jit.load("{file}")
logits = model(torch.zeros(1, 28, 28, dtype=torch.uint8))""",
    "keras": """\
import keras
import numpy as np

model = keras.saving.load_model("{file}")
logits = model(np.zeros((1, 28, 28), np.uint8))""",
    "onnx": """\
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{file}")
(logits,) = session.run(["logits"], {{"images": np.zeros((1, 28, 28), np.float32)}})""",
}
CARD = """\
# {file}

The network `{run}` of the project "Digits three ways", trained with {framework} on {dataset}.

## Intended use

The model classifies a 28 x 28 image that shows one of {n_classes} classes: {classes}.
It was made to teach, and to compare frameworks. Test it on your own images before you rely on it.

It gives every image a class, even an image that shows none of them.

## Input and output

* Input: raw images (n, 28, 28). 0 is background and 255 is ink. The type is {dtype}.
* Output: logits, float32 (n, {n_classes}), before softmax, in the order of the classes.

```python
{loading}
```

## Training data

The training split of {dataset}. A pixel x is normalised as (x - {mean:.6g}) / {std:.6g}.
The file does this itself{pruning}.

## Network

{n_parameters:,} parameters. The layers, as in params.yaml:

```yaml
{layers}
```

## Test results

{results}
"""
RESULTS = """\
| measure | value |
|---|---:|
| accuracy | {accuracy:.4f} |
| 95 % confidence interval | {accuracy_low:.4f} to {accuracy_high:.4f} |
| errors | {errors} of {n_samples:,} |
| log loss (nats) | {log_loss:.4f} |
| expected calibration error | {expected_calibration_error:.4f} |

Measured on the test split of {dataset}. Training never used it."""


def card_path(output: Path) -> Path:
    """Return exports/tf/cnn.onnx.md for exports/tf/cnn.onnx."""
    return output.with_name(f"{output.name}.md")


def find_metrics(model: Path) -> Path | None:
    """Return metrics/tf/cnn.json for models/tf/cnn, or for its model.safetensors.

    None if nothing here tells that these are the metrics of this very model.
    """
    path = model.resolve()
    file = path / "model.safetensors" if path.is_dir() else path
    framework, run = file.parts[-3:-1]
    root = file.parents[3]
    try:
        evaluated = (root / "data/evaluation" / framework / run / "model.sha256").read_text("utf-8")
    except OSError:
        return None
    is_same = evaluated.strip() == hashlib.sha256(file.read_bytes()).hexdigest()
    return root / "metrics" / framework / f"{run}.json" if is_same else None


def write_card(output: Path, model: Model, metrics: Path | None) -> None:
    """Write the card of the exported file; `metrics` is the model's file of metrics, if any."""
    write_text(card_path(output), render_card(output, model, metrics))


def render_card(output: Path, model: Model, metrics: Path | None) -> str:
    """Return the card of the exported file as Markdown."""
    description = model.description
    data, kept = description.preprocessing, description.kept_pixels
    return CARD.format(
        file=output.name,
        run=description.run,
        framework=FRAMEWORKS[description.framework],
        dataset=name_dataset(data.dataset),
        n_classes=len(data.class_names),
        classes=", ".join(data.class_names),
        dtype="float32" if output.suffix == ".onnx" else "uint8 or any float type",
        loading=LOADING[output.suffix[1:]].format(file=output.name),
        mean=data.mean,
        std=data.std,
        pruning="" if kept is None else f", and it chooses {len(kept)} of the 784 pixels",
        n_parameters=model.count_parameters(),
        layers="\n".join(f"- {format_layer(layer)}" for layer in model.describe()["architecture"]),
        results=render_results(metrics),
    )


def format_layer(layer: str | dict[str, Any]) -> str:
    """Return a layer as params.yaml has it: `conv: {filters: 32, kernel_size: 3}`."""
    if isinstance(layer, str):
        return layer
    ((name, options),) = layer.items()
    return f"{name}: {json.dumps(options)}".replace('"', "")


def render_results(metrics: Path | None) -> str:
    """Return the table of the test results; one line if there are none of this model."""
    if metrics is None or not metrics.exists():
        return "There were no metrics of this model where it was exported: `dvc repro` writes them."
    values = read_json(metrics)
    return RESULTS.format(**values | {"dataset": name_dataset(values["dataset"])})


def name_dataset(key: str) -> str:
    """Return MNIST for mnist."""
    return DATASETS.get(key, key)
