"""PyTorch: the architecture as an nn.Sequential, trained by its own optimisers. Contract:
digits/training/loop.py.

Images are (n, channels, height, width) to PyTorch, here in channels_last memory, the faster one on
a CPU: the arrays we are given, seen with their axes in another order.
"""

import os
from collections.abc import Iterable

# How long an idle OpenMP thread spins before it sleeps. The default makes a busy neighbour slow
# training manyfold.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import numpy as np
import torch

# What an optimizer imports when it is first used: not to be counted as training.
import torch._dynamo
from torch import nn
from torch.nn import functional

from digits.errors import InputError
from digits.model.architecture import (
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Relu,
    Sigmoid,
    Weights,
    infer_shapes,
)
from digits.training.params import ADAM, BATCH_NORM, Recipe
from digits.training.team import ALONE

LIBRARY = f"PyTorch {torch.__version__}"
FORKS = False
PREDICT_BATCH = 1000


class ChannelsLastFlatten(nn.Module):
    """Flatten in the order height, width, channels, that of the common weight layout; without a
    copy in channels_last memory.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x.flatten(1)


# Layer type to PyTorch module, from the layer and the shape of its input.
LAYERS = {
    Conv: lambda layer, shape: nn.Conv2d(
        shape[2], layer.filters, layer.kernel_size, layer.stride, layer.padding
    ),
    MaxPool: lambda layer, shape: nn.MaxPool2d(layer.size),
    Dense: lambda layer, shape: nn.Linear(shape[0], layer.units),
    Relu: lambda layer, shape: nn.ReLU(),
    Sigmoid: lambda layer, shape: nn.Sigmoid(),
    Flatten: lambda layer, shape: ChannelsLastFlatten(),
    Dropout: lambda layer, shape: nn.Dropout(layer.rate),
    # What PyTorch calls momentum is the share of the new value.
    BatchNorm: lambda layer, shape: (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(
        shape[-1], eps=BATCH_NORM.epsilon, momentum=1 - BATCH_NORM.momentum
    ),
}


# Role in our layout to name in a state dict.
ROLES = {
    "W": "weight",
    "b": "bias",
    "gamma": "weight",
    "beta": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}


def fit(
    architecture: Architecture,
    weights: Weights,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    recipe: Recipe,
    epochs,
    seed: int,
    threads: int,
    recorder,
    state: dict[str, np.ndarray] | None = None,
    team=ALONE,
) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(team.seed(seed))  # dropout
    network = build(architecture, weights, images.shape[1:]).to(team.device)
    optimizer = build_optimizer(network, recipe)
    if state:
        restore_state(optimizer, state, team)
    model = network if team.size == 1 else team.spread(network)
    x, y = as_tensor(images).to(team.device), torch.from_numpy(labels).to(team.device)
    for steps, seen in epochs:
        model.train()
        if seen is not None:
            x = as_tensor(seen).to(team.device)
        for samples, learning_rate in steps:
            part, n_copies = team.share(samples)
            batch = torch.from_numpy(part).to(team.device)
            set_learning_rate(optimizer, learning_rate)
            logits = model(x[batch])
            mean_loss = functional.cross_entropy(
                logits, y[batch], label_smoothing=recipe.label_smoothing
            )
            # This part of the loss of the batch.
            loss = mean_loss * (len(part) / (n_copies * len(samples)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            of_batch, n_correct = team.sum(
                np.array([loss.item(), int((logits.argmax(1) == y[batch]).sum())])
            )
            recorder.step(len(samples), float(of_batch), int(n_correct) // n_copies)
        recorder.epoch(read_weights(network, weights), read_state(optimizer, team))


@torch.inference_mode()
def predict(
    architecture: Architecture, weights: Weights, images: np.ndarray, *, threads: int
) -> np.ndarray:
    torch.set_num_threads(threads)
    # New layers draw initial weights: that of a training's dropout stays where it was.
    with torch.random.fork_rng(devices=[]):
        network = build(architecture, weights, images.shape[1:]).eval()
    x = as_tensor(images)
    # One array from the start: a small one of each batch, among the large ones that it frees, would
    # keep these from being used again.
    probabilities = torch.empty(len(x), *infer_shapes(architecture, images.shape[1:])[-1])
    for batch, part in zip(x.split(PREDICT_BATCH), probabilities.split(PREDICT_BATCH), strict=True):
        part[:] = functional.softmax(network(batch), dim=1)
    return probabilities.numpy()


def find_device(device: str) -> str:
    """Return "cpu" or "cuda", which is what "auto" means where there is one; raise InputError for
    "cuda" where there is none.

    A GPU is set to sum in float32 and, as far as it can, in the same order each time.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise InputError(
            "params.yaml: device is 'cuda', but this PyTorch finds no GPU; expected a GPU and a build for CUDA, or device: cpu"
        )
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    return "cuda"


def name_device(device: str) -> str:
    """Return "cpu", or the GPU's name."""
    return torch.cuda.get_device_name() if device == "cuda" else "cpu"


def build(
    architecture: Architecture, weights: Weights, input_shape: tuple[int, ...]
) -> nn.Sequential:
    """Return the network with the given weights."""
    shapes = infer_shapes(architecture, input_shape)
    network = nn.Sequential(
        *(
            LAYERS[type(layer)](layer, shape)
            for layer, shape in zip(architecture, shapes, strict=False)
        )
    )
    # Not strict: BatchNorm's count of batches is no weight.
    network.load_state_dict(
        {torch_name(name): to_torch(array) for name, array in weights.items()}, strict=False
    )
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def build_optimizer(network: nn.Sequential, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimizer. PyTorch's weight_decay adds l2 * W to the gradient, as the
    penalty l2 / 2 * sum W^2 does.
    """
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in network.parameters() if parameter.ndim == 1]
    groups: list[dict] = [{"params": matrices, "weight_decay": recipe.l2}, {"params": biases}]
    if recipe.optimizer == "adam":
        return torch.optim.Adam(
            groups, betas=(ADAM.beta_1, ADAM.beta_2), eps=ADAM.epsilon, fused=True
        )
    return torch.optim.SGD(groups, momentum=recipe.momentum or 0.0, nesterov=recipe.nesterov)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """Return (n, height, width, channels) as (n, channels, height, width), over the same memory;
    flat vectors as they are.
    """
    x = torch.from_numpy(images)
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def torch_name(name: str) -> str:
    """Return the name of "0_conv.W" in a state dict: "0.weight"."""
    layer, role = name.split(".")
    return f"{layer.split('_')[0]}.{ROLES[role]}"


def to_torch(array: np.ndarray) -> torch.Tensor:
    """Return W (n_in, n_out) as (n_out, n_in), (size, size, n_in, n_out) as (n_out, n_in, size,
    size); b as it is.
    """
    tensor = torch.from_numpy(array)
    return tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor.t()


def read_weights(network: nn.Sequential, names: Iterable[str]) -> Weights:
    """Return a copy of the network's weights in the common layout."""
    state = network.state_dict()
    tensors = {name: state[torch_name(name)] for name in names}
    return {
        name: (t.permute(2, 3, 1, 0) if t.ndim == 4 else t.t()).cpu().numpy().copy()
        for name, t in tensors.items()
    }


def read_state(optimizer: torch.optim.Optimizer, team=ALONE) -> dict[str, np.ndarray]:
    """Return a copy of what the optimizer remembers of each parameter, by "number.name", and the
    states of the team's random generators.
    """
    remembered = optimizer.state_dict()["state"]
    state = {
        f"{number}.{name}": tensor.cpu().numpy().copy()
        for number, tensors in remembered.items()
        for name, tensor in tensors.items()
    }
    return state | {"generators": team.gather(generator(team).get_state().numpy())}


def generator(team) -> torch.Generator:
    """Return the generator that dropout draws from."""
    return (
        torch.cuda.default_generators[torch.cuda.current_device()]
        if team.device == "cuda"
        else torch.default_generator
    )


def restore_state(
    optimizer: torch.optim.Optimizer, state: dict[str, np.ndarray], team=ALONE
) -> None:
    """Set what `read_state` returned."""
    generator(team).set_state(torch.from_numpy(state["generators"][team.rank]))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    remembered: dict[int, dict[str, torch.Tensor]] = {}
    for key in state.keys() - {"generators"}:
        number, name = key.split(".")
        tensor = torch.from_numpy(state[key])
        # In the memory layout of the parameter: the fused Adam goes through both as they lie.
        if tensor.ndim:
            tensor = torch.empty_like(parameters[int(number)]).copy_(tensor)
        remembered.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict(
        {"state": remembered, "param_groups": optimizer.state_dict()["param_groups"]}
    )
