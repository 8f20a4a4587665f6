"""PyTorch: an architecture as an nn.Sequential, its weights, and its predictions.

PyTorch takes images as (n, channels, height, width). Here these are views of (n, height, width,
channels) with the axes in another order: the memory format channels_last, the faster one on a CPU.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from digits.errors import InputError
from digits.model.architecture import (
    BATCH_NORM,
    Architecture,
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

PREDICT_BATCH = 1000


class ChannelsLastFlatten(nn.Module):
    """Flatten in the order height, width, channels, that of the common weight layout.

    In channels_last memory this takes no copy.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x.flatten(1)


def batch_norm(shape: Shape) -> nn.Module:
    """Return batch normalisation over the last axis of `shape`."""
    cls = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    # PyTorch calls the share of the new value momentum.
    return cls(shape[-1], eps=BATCH_NORM.epsilon, momentum=1 - BATCH_NORM.momentum)


# Makes the PyTorch module from a layer of the type and the shape of its input.
LAYERS: dict[type[Layer], Callable[[Any, Shape], nn.Module]] = {
    Conv: lambda layer, shape: nn.Conv2d(
        shape[2], layer.filters, layer.kernel_size, layer.stride, layer.padding
    ),
    MaxPool: lambda layer, shape: nn.MaxPool2d(layer.size),
    Dense: lambda layer, shape: nn.Linear(shape[0], layer.units),
    Relu: lambda layer, shape: nn.ReLU(),
    Sigmoid: lambda layer, shape: nn.Sigmoid(),
    Flatten: lambda layer, shape: ChannelsLastFlatten(),
    Dropout: lambda layer, shape: nn.Dropout(layer.rate),
    BatchNorm: lambda layer, shape: batch_norm(shape),
}

# The name in a state dict of each role in the common layout.
ROLES = {
    "W": "weight",
    "b": "bias",
    "gamma": "weight",
    "beta": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}


def build(layers: Architecture, weights: Weights, input_shape: Shape) -> nn.Sequential:
    """Return the network with the given weights."""
    shapes = infer_shapes(layers, input_shape)
    modules = [LAYERS[type(layer)](layer, shapes[index]) for index, layer in enumerate(layers)]
    network = nn.Sequential(*modules)
    # Not strict: BatchNorm's count of batches is not a weight.
    state = {torch_name(name): to_torch(array) for name, array in weights.items()}
    network.load_state_dict(state, strict=False)
    channels_last: nn.Sequential = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return channels_last


@torch.inference_mode()
def predict(
    layers: Architecture, weights: Weights, images: np.ndarray, *, threads: int
) -> np.ndarray:
    """Return the classes' probabilities, float32 (n, n_classes)."""
    torch.set_num_threads(threads)
    # New layers draw initial weights. The generator of a training's dropout must not change.
    with torch.random.fork_rng(devices=[]):
        network = build(layers, weights, images.shape[1:]).eval()
    x = as_tensor(images)
    # Allocate one array first. A small array for each batch would lie between large freed ones, and
    # their memory could not be used again.
    n_classes = infer_shapes(layers, images.shape[1:])[-1]
    probabilities = torch.empty(len(x), *n_classes)
    batches = zip(
        torch.split(x, PREDICT_BATCH), torch.split(probabilities, PREDICT_BATCH), strict=True
    )
    for batch, target in batches:
        target[:] = functional.softmax(network(batch), dim=1)
    return probabilities.numpy()


def find_device(device: str) -> str:
    """Return "cpu" or "cuda"; "auto" means "cuda" if there is a GPU.

    Raises InputError for "cuda" without a GPU. A GPU then sums in float32 and, where cuDNN allows
    it, in the same order each time.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise InputError(
            "params.yaml: device is 'cuda', but this PyTorch finds no GPU; "
            "expected a GPU and a build for CUDA, or device: cpu"
        )
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    return "cuda"


def name_device(device: str) -> str:
    """Return "cpu", or the GPU's name."""
    return torch.cuda.get_device_name() if device == "cuda" else "cpu"


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """Return (n, height, width, channels) as (n, channels, height, width), over the same memory.

    Flat vectors stay as they are.
    """
    x = torch.from_numpy(images)
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def torch_name(name: str) -> str:
    """Return the name of "0_conv.W" in a state dict: "0.weight"."""
    layer, role = name.split(".")
    return f"{layer.split('_')[0]}.{ROLES[role]}"


def to_torch(array: np.ndarray) -> torch.Tensor:
    """Return an array of weights in PyTorch's layout.

    W (n_in, n_out) becomes (n_out, n_in); W (size, size, n_in, n_out) becomes (n_out, n_in, size,
    size); vectors stay as they are.
    """
    tensor = torch.from_numpy(array)
    return tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor.t()


def from_torch(tensor: torch.Tensor) -> np.ndarray:
    """Return a copy of PyTorch's weights in the common layout."""
    common = tensor.permute(2, 3, 1, 0) if tensor.ndim == 4 else tensor.t()
    array: np.ndarray = common.cpu().numpy().copy()
    return array


def read_weights(network: nn.Sequential, names: Iterable[str]) -> Weights:
    """Return a copy of the network's weights in the common layout."""
    state = network.state_dict()
    return {name: from_torch(state[torch_name(name)]) for name in names}
