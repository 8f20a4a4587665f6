"""--to onnx: a graph of standard operators, for ONNX Runtime and others. Contract:
digits/commands/export.py.

Written from our layers, without a framework. The input is "images", float32 (n, 28, 28), as ONNX
wants one type: uint8 is to be cast before. The output is "logits", float32 (n, n_classes). Within,
images are (n, channels, height, width). What `describe` returned are its metadata_props. Operators:
https://onnx.ai/onnx/operators/
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from digits.model.architecture import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    Relu,
    Shape,
    Sigmoid,
    Weights,
    infer_shapes,
)
from digits.model.model_file import Model, kept_pixels
from digits.training.params import BATCH_NORM

# Of 2022, so that older runtimes and converters read the file; no operator used here has changed
# for us since.
OPSET, IR_VERSION = 17, 8

# An operator, its arrays by role in the operator's order, and its attributes.
Step = tuple[str, Weights, dict[str, Any]]

# Layer type to operators, from the layer, the shape of its input and its arrays.
LAYERS: dict[type[Layer], Callable[[Any, Shape, Weights], list[Step]]] = {
    Conv: lambda layer, shape, arrays: [
        ("Conv", to_onnx(arrays), {"strides": [layer.stride] * 2, "pads": pads(layer)})
    ],
    MaxPool: lambda layer, shape, arrays: [
        ("MaxPool", {}, {"kernel_shape": [layer.size] * 2, "strides": [layer.size] * 2})
    ],
    Dense: lambda layer, shape, arrays: [("Gemm", arrays, {})],
    Relu: lambda layer, shape, arrays: [("Relu", {}, {})],
    Sigmoid: lambda layer, shape, arrays: [("Sigmoid", {}, {})],
    # Flat vectors are in the order height, width, channels.
    Flatten: lambda layer, shape, arrays: (
        [("Transpose", {}, {"perm": [0, 2, 3, 1]}), ("Flatten", {}, {})] if len(shape) == 3 else []
    ),
    Dropout: lambda layer, shape, arrays: [],  # training's alone
    BatchNorm: lambda layer, shape, arrays: [
        ("BatchNormalization", arrays, {"epsilon": BATCH_NORM.epsilon})
    ],
}


def to_onnx(arrays: Weights) -> Weights:
    """Return a convolution's W (size, size, n_in, n_out) as (n_out, n_in, size, size); b as it is."""
    return {"W": arrays["W"].transpose(3, 2, 0, 1), "b": arrays["b"]}


def pads(layer: Conv) -> list[int]:
    """Return the zeros before height and width, and those after; the odd one comes after."""
    both = layer.kernel_size - 1 if layer.padding == "same" else 0
    return [both // 2] * 2 + [both - both // 2] * 2


def write(path: Path, model: Model, metadata: dict[str, Any]) -> None:
    description = model.description
    output_shape = infer_shapes(description.architecture, description.input_shape)[-1]
    graph = build_graph(input_steps(model) + network_steps(model), output_shape)
    exported = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="digits",
    )
    helper.set_model_props(
        exported,
        {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in metadata.items()
        },
    )
    onnx.checker.check_model(exported, full_check=True)
    onnx.save(exported, path)


def input_steps(model: Model) -> list[tuple[str, Step]]:
    """Return the named steps from raw images to what the network takes."""
    preprocessing = model.description.preprocessing
    steps: list[tuple[str, Step]] = [
        ("center", ("Sub", {"mean": np.array(preprocessing.mean, np.float32)}, {})),
        ("scale", ("Div", {"std": np.array(preprocessing.std, np.float32)}, {})),
    ]
    kept = kept_pixels(model.description.pixels, preprocessing)
    if kept is None:
        return [*steps, ("channel", ("Unsqueeze", {"axes": np.array([1])}, {}))]
    return [
        *steps,
        ("flatten", ("Flatten", {}, {})),
        ("kept", ("Gather", {"pixels": np.array(kept)}, {"axis": 1})),
    ]


def network_steps(model: Model) -> list[tuple[str, Step]]:
    """Return the steps of each layer, named as the layer's weights are."""
    architecture = model.description.architecture
    shapes = infer_shapes(architecture, model.description.input_shape)
    steps: list[tuple[str, Step]] = []
    for index, (layer, shape) in enumerate(zip(architecture, shapes, strict=False)):
        name = f"{index}_{layer.type}"
        of_layer = {role: model.weights[f"{name}.{role}"] for role in layer.weight_shapes(shape)}
        steps += [(name, step) for step in LAYERS[type(layer)](layer, shape, of_layer)]
    return steps


def build_graph(steps: list[tuple[str, Step]], output_shape: Shape) -> onnx.GraphProto:
    """Return the steps in a row, from "images" to "logits"."""
    nodes, arrays, x = [], [], "images"
    for number, (name, (operator, of_step, attributes)) in enumerate(steps, start=1):
        y = "logits" if number == len(steps) else f"{name}.{operator}"
        names = [f"{name}.{role}" for role in of_step]
        arrays += [
            numpy_helper.from_array(np.ascontiguousarray(array), f"{name}.{role}")
            for role, array in of_step.items()
        ]
        nodes.append(
            helper.make_node(operator, [x, *names], [y], name=f"{name}.{operator}", **attributes)
        )
        x = y
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 28, 28])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", *output_shape])
    return helper.make_graph(nodes, "digits", [images], [logits], arrays)


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"images": images.astype(np.float32)})[0]
