"""--to onnx: a graph of standard operators, for ONNX Runtime and others.

Contract: digits/export/formats.py. This module builds the graph from our layers, without a
framework. The input is "images", float32 (n, 28, 28): ONNX accepts one type, so cast uint8 first.
The output is "logits", float32 (n, n_classes). Inside the graph, images are (n, channels, height,
width). The metadata is in metadata_props. Operators: https://onnx.ai/onnx/operators/
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from digits.model.architecture import (
    BATCH_NORM,
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
from digits.model.model_file import Model

# Versions of 2022: older runtimes and converters can read the file. The operators used here have
# not changed since then.
OPSET, IR_VERSION = 17, 8


@dataclass(frozen=True)
class Operator:
    """An ONNX operator, its arrays by role in the operator's order, and its attributes."""

    type: str
    arrays: Weights = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


Steps = list[tuple[str, Operator]]  # named operators, in their order


def conv(layer: Conv, shape: Shape, arrays: Weights) -> list[Operator]:
    """W (size, size, n_in, n_out) becomes (n_out, n_in, size, size)."""
    channels_first = {"W": arrays["W"].transpose(3, 2, 0, 1), "b": arrays["b"]}
    attributes = {"strides": [layer.stride] * 2, "pads": pads(layer)}
    return [Operator("Conv", channels_first, attributes)]


def pads(layer: Conv) -> list[int]:
    """Return the zeros before height and width, then those after; an odd one goes after."""
    both = layer.kernel_size - 1 if layer.padding == "same" else 0
    return [both // 2] * 2 + [both - both // 2] * 2


def max_pool(layer: MaxPool, shape: Shape, arrays: Weights) -> list[Operator]:
    size = [layer.size] * 2
    return [Operator("MaxPool", attributes={"kernel_shape": size, "strides": size})]


def flatten(layer: Flatten, shape: Shape, arrays: Weights) -> list[Operator]:
    """Flat vectors are in the order height, width, channels."""
    if len(shape) != 3:
        return []
    return [Operator("Transpose", attributes={"perm": [0, 2, 3, 1]}), Operator("Flatten")]


# By layer type: the operators, from the layer, the shape of its input and its arrays.
LAYERS: dict[type[Layer], Callable[[Any, Shape, Weights], list[Operator]]] = {
    Conv: conv,
    MaxPool: max_pool,
    Dense: lambda layer, shape, arrays: [Operator("Gemm", arrays)],
    Relu: lambda layer, shape, arrays: [Operator("Relu")],
    Sigmoid: lambda layer, shape, arrays: [Operator("Sigmoid")],
    Flatten: flatten,
    Dropout: lambda layer, shape, arrays: [],  # only training drops
    BatchNorm: lambda layer, shape, arrays: [
        Operator("BatchNormalization", arrays, {"epsilon": BATCH_NORM.epsilon})
    ],
}


def write(path: Path, model: Model, metadata: dict[str, Any]) -> None:
    """Write the model and its metadata, the result of `describe`."""
    description = model.description
    output_shape = infer_shapes(description.architecture, description.input_shape)[-1]
    exported = helper.make_model(
        build_graph(from_raw(model) + network_steps(model), output_shape),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="digits",
    )
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in metadata.items()
    }
    helper.set_model_props(exported, texts)
    onnx.checker.check_model(exported, full_check=True)
    onnx.save(exported, path)


def from_raw(model: Model) -> Steps:
    """Return the steps from raw images to the network's input."""
    preprocessing = model.description.preprocessing
    steps = [
        ("center", Operator("Sub", {"mean": np.array(preprocessing.mean, np.float32)})),
        ("scale", Operator("Div", {"std": np.array(preprocessing.std, np.float32)})),
    ]
    kept = model.description.kept_pixels
    if kept is None:
        return [*steps, ("channel", Operator("Unsqueeze", {"axes": np.array([1])}))]
    return [
        *steps,
        ("flatten", Operator("Flatten")),
        ("kept", Operator("Gather", {"pixels": np.array(kept)}, {"axis": 1})),
    ]


def network_steps(model: Model) -> Steps:
    """Return the steps of all layers. Their names are those of the layers' weights."""
    layers = model.description.architecture
    shapes = infer_shapes(layers, model.description.input_shape)
    steps: Steps = []
    for index, layer in enumerate(layers):
        name = f"{index}_{layer.type}"
        shape = shapes[index]
        arrays = {role: model.weights[f"{name}.{role}"] for role in layer.weight_shapes(shape)}
        steps += [(name, operator) for operator in LAYERS[type(layer)](layer, shape, arrays)]
    return steps


def build_graph(steps: Steps, output_shape: Shape) -> onnx.GraphProto:
    """Return the graph that runs the steps one after another, from "images" to "logits"."""
    nodes, constants, x = [], [], "images"
    for number, (name, operator) in enumerate(steps, start=1):
        title = f"{name}.{operator.type}"
        y = "logits" if number == len(steps) else title
        arrays = {f"{name}.{role}": array for role, array in operator.arrays.items()}
        for array_name, array in arrays.items():
            constants.append(numpy_helper.from_array(np.ascontiguousarray(array), array_name))
        nodes.append(
            helper.make_node(operator.type, [x, *arrays], [y], name=title, **operator.attributes)
        )
        x = y
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 28, 28])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", *output_shape])
    return helper.make_graph(nodes, "digits", [images], [logits], constants)


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Load the file as its users do; return the logits, float32 (n, n_classes)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(["logits"], {"images": images.astype(np.float32)})[0]
    return found
