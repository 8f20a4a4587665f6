"""An architecture is a list of layers, written as data in params.yaml.

This module parses and checks it, infers its shapes and counts its parameters. A shape is the shape
of one sample: (height, width, channels) for images, (n,) for flat vectors. The last layer outputs
the logits.

Every back end takes and returns weights in one layout: a dict of float32 arrays by name
("0_conv.W"), in the order of the layers. Dense W is (n_in, n_out), conv W is (kernel_size,
kernel_size, n_in, n_out), b is (n_out,); batch_norm has gamma, beta, mean and variance (channels,).
Flat vectors are in the order height, width, channels.

Each class below is a layer type. `digits/scratch/layers.py` shows what a layer computes; the table
LAYERS in each `digits/backends/*/network.py` shows how a framework builds it.
"""

from math import prod
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Discriminator, Field, PositiveInt, Tag, model_validator

from digits.base.params import Section

Shape = tuple[int, ...]
Weights = dict[str, np.ndarray]


class ShapeError(ValueError):
    """A layer does not fit the shape of its input."""


class Layer(Section):
    """The base of all layers. By default, a layer has no weights and keeps the shape."""

    type: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def unwrap(cls, item: Any) -> Any:
        """Take the options out of {"conv": {...}}; "relu" has none."""
        if item == cls.type:
            return {}
        return item[cls.type] if isinstance(item, dict) and list(item) == [cls.type] else item

    def output_shape(self, shape: Shape) -> Shape:
        """Return the output's shape; raise ShapeError if an input of `shape` does not fit."""
        return shape

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shape of each array of this layer's weights, by role."""
        return {}

    def as_data(self) -> str | dict[str, Any]:
        """Return the layer as params.yaml writes it, with every option."""
        options = self.model_dump()
        return {self.type: options} if options else self.type


class Conv(Layer):
    """Cross-correlation with `filters` kernels over all channels; "same" pads with zeros to keep
    height and width.
    """

    type = "conv"
    filters: PositiveInt
    kernel_size: PositiveInt
    stride: PositiveInt = 1
    padding: Literal["same", "valid"] = "same"

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = check_image(self, shape)
        if self.padding == "same":
            if self.stride != 1:
                raise ShapeError(
                    f"conv padding 'same' needs stride 1, not {self.stride}; use padding: valid"
                )
            return height, width, self.filters
        if self.kernel_size > min(height, width):
            raise ShapeError(
                f"conv kernel_size {self.kernel_size} is larger than its {height} x {width} input"
            )
        return (
            (height - self.kernel_size) // self.stride + 1,
            (width - self.kernel_size) // self.stride + 1,
            self.filters,
        )

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {
            "W": (self.kernel_size, self.kernel_size, shape[2], self.filters),
            "b": (self.filters,),
        }


class MaxPool(Layer):
    """The maximum of each size x size window. The windows do not overlap."""

    type = "max_pool"
    size: PositiveInt

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = check_image(self, shape)
        if height % self.size or width % self.size:
            fits = [
                str(size)
                for size in range(2, min(height, width) + 1)
                if not height % size and not width % size
            ]
            advice = f"use one of: {', '.join(fits)}" if fits else "remove it: no size fits"
            raise ShapeError(
                f"max_pool size {self.size} does not divide {height} x {width}; {advice}"
            )
        return height // self.size, width // self.size, channels


class Dense(Layer):
    """y = x W + b on flat vectors."""

    type = "dense"
    units: PositiveInt

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ShapeError(
                f"dense takes flat vectors, not {format_shape(shape)}; put flatten before it"
            )
        return (self.units,)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"W": (shape[0], self.units), "b": (self.units,)}


class Relu(Layer):
    """max(x, 0)."""

    type = "relu"


class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    type = "sigmoid"


class Flatten(Layer):
    """One flat vector per sample, in the order height, width, channels."""

    type = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)


class Dropout(Layer):
    """In training, zero values with probability `rate`; scale the others by 1 / (1 - rate)."""

    type = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1)]


class BatchNorm(Layer):
    """gamma (x - mean) / standard deviation + beta, per channel.

    Training uses the mean and deviation of the mini-batch; prediction uses the running ones.
    """

    type = "batch_norm"

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("gamma", "beta", *STATE), shape[-1:])


# Roles that training updates as running means, without a gradient.
STATE = ("mean", "variance")


class BatchNormConstants(NamedTuple):
    """The constants of batch normalisation, the same in every framework.

    `momentum` is the share of the old running mean that each step keeps. `epsilon` is added to the
    variance.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5


BATCH_NORM = BatchNormConstants()


def layer_name(item: Any) -> Any:
    """Return the layer type that an item of params.yaml names.

    An item is "relu", or {"conv": {"filters": 32, "kernel_size": 3}}.
    """
    if isinstance(item, Layer):
        return item.type
    return next(iter(item)) if isinstance(item, dict) and len(item) == 1 else str(item)


AnyLayer = Annotated[
    Annotated[Conv, Tag("conv")]
    | Annotated[MaxPool, Tag("max_pool")]
    | Annotated[Dense, Tag("dense")]
    | Annotated[Relu, Tag("relu")]
    | Annotated[Sigmoid, Tag("sigmoid")]
    | Annotated[Flatten, Tag("flatten")]
    | Annotated[Dropout, Tag("dropout")]
    | Annotated[BatchNorm, Tag("batch_norm")],
    Discriminator(layer_name),
]
Architecture = Annotated[list[AnyLayer], Field(min_length=1)]
LAYER_TYPES = {
    cls.type: cls for cls in (Conv, MaxPool, Dense, Relu, Sigmoid, Flatten, Dropout, BatchNorm)
}


def infer_shapes(architecture: Architecture, input_shape: Shape) -> list[Shape]:
    """Return the input shape of each layer and, last, the shape of the output.

    Raises ShapeError, which names the layer that does not fit.
    """
    shapes = [input_shape]
    for index, layer in enumerate(architecture):
        try:
            shapes.append(layer.output_shape(shapes[-1]))
        except ShapeError as error:
            raise ShapeError(f"[{index}]: {error}") from None
    return shapes


def weight_shapes(architecture: Architecture, input_shape: Shape) -> dict[str, Shape]:
    """Return the shape of each array of weights by name ("0_conv.W"), in layer order."""
    shapes = infer_shapes(architecture, input_shape)
    return {
        f"{index}_{layer.type}.{role}": shape
        for index, layer in enumerate(architecture)
        for role, shape in layer.weight_shapes(shapes[index]).items()
    }


def count_parameters(architecture: Architecture, input_shape: Shape) -> int:
    """Return how many numbers training adjusts by their gradient."""
    return sum(
        prod(shape)
        for name, shape in weight_shapes(architecture, input_shape).items()
        if name.split(".")[1] not in STATE
    )


def count_multiplications(architecture: Architecture, input_shape: Shape) -> list[int]:
    """Return the multiplications of one sample's plain forward pass, for each layer with a W."""
    shapes = infer_shapes(architecture, input_shape)
    counts = []
    for index, layer in enumerate(architecture):
        if "W" in (roles := layer.weight_shapes(shapes[index])):
            places = shapes[index + 1][:-1]
            # Each value of W is used at each position of the output.
            counts.append(prod(roles["W"]) * prod(places))
    return counts


def check_image(layer: Layer, shape: Shape) -> Shape:
    """Return `shape` if it is (height, width, channels); raise ShapeError otherwise."""
    if len(shape) != 3:
        raise ShapeError(
            f"{layer.type} takes images, not {format_shape(shape)}; "
            "put it before flatten, and use pixels: all"
        )
    return shape


def format_shape(shape: Shape) -> str:
    """Return "28 x 28 x 1", or "784 values"."""
    return " x ".join(map(str, shape)) + (" values" if len(shape) == 1 else "")
