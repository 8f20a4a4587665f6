"""Training in PyTorch, by its own optimizers. This module is the back end: see `Backend`."""

from typing import Any

import numpy as np
import torch
import torch._dynamo  # otherwise the first step imports it, within the training time
from torch import nn
from torch.nn import functional

from digits.backends.torch.distributed import TorchTeam, join
from digits.backends.torch.network import (
    as_tensor,
    build,
    name_device,
    predict,
    read_weights,
)
from digits.training.backend import Record, Training
from digits.training.checkpoint import State
from digits.training.params import ADAM, Recipe
from digits.training.team import ALONE, Team

__all__ = ["FORKS", "LIBRARY", "fit", "join", "name_device", "predict"]

LIBRARY = f"PyTorch {torch.__version__}"
FORKS = False


def fit(training: Training, recorder: Record) -> None:
    """Train; report every step and epoch to the recorder."""
    team, recipe = training.team, training.recipe
    torch.set_num_threads(training.threads)
    torch.manual_seed(team.seed(training.seed))  # dropout
    network = build(training.layers, training.weights, training.images.shape[1:]).to(team.device)
    optimizer = build_optimizer(network, recipe)
    if training.state:
        restore_state(optimizer, training.state, team)
    model = team.spread(network) if isinstance(team, TorchTeam) else network
    x = as_tensor(training.images).to(team.device)
    y = torch.from_numpy(training.labels).to(team.device)
    for steps, images in training.epochs:
        model.train()
        if images is not None:
            x = as_tensor(images).to(team.device)
        for samples, learning_rate in steps:
            set_learning_rate(optimizer, learning_rate)
            own, n_copies = team.share(samples)
            share = len(own) / (n_copies * len(samples))
            batch = torch.from_numpy(own).to(team.device)
            loss, n_correct = take_step(model, optimizer, (x[batch], y[batch]), recipe, share)
            total_loss, total_correct = team.sum(np.array([loss, n_correct]))
            recorder.step(len(samples), float(total_loss), int(total_correct) // n_copies)
        recorder.epoch(read_weights(network, training.weights), read_state(optimizer, team))


def take_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: tuple[torch.Tensor, torch.Tensor],
    recipe: Recipe,
    share: float,
) -> tuple[float, int]:
    """Take one step on this process's share of a mini-batch.

    Return that share of the mini-batch's mean loss, and how many of its samples are right.
    """
    x, y = batch
    logits = model(x)
    mean_loss = functional.cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)
    loss = mean_loss * share
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item(), int((logits.argmax(1) == y).sum())


def build_optimizer(network: nn.Sequential, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimizer.

    PyTorch's weight_decay adds l2 * W to the gradient, as the penalty l2 / 2 * sum W^2 does.
    """
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim == 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": recipe.l2},
        {"params": vectors},
    ]
    if recipe.optimizer == "adam":
        betas = (ADAM.beta_1, ADAM.beta_2)
        return torch.optim.Adam(groups, betas=betas, eps=ADAM.epsilon, fused=True)
    momentum = recipe.momentum or 0.0
    return torch.optim.SGD(groups, momentum=momentum, nesterov=recipe.nesterov)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def read_state(optimizer: torch.optim.Optimizer, team: Team = ALONE) -> State:
    """Return a copy of the state that training resumes from, without the weights.

    "number.name" is what the optimizer keeps for a parameter. "generators" are the states of the
    random generators of all ranks.
    """
    state = {}
    for number, tensors in optimizer.state_dict()["state"].items():
        for name, tensor in tensors.items():
            state[f"{number}.{name}"] = tensor.cpu().numpy().copy()
    return state | {"generators": team.gather(generator(team).get_state().numpy())}


def restore_state(optimizer: torch.optim.Optimizer, state: State, team: Team = ALONE) -> None:
    """Restore the state that `read_state` returned."""
    generator(team).set_state(torch.from_numpy(state["generators"][team.rank]))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    remembered: dict[int, dict[str, torch.Tensor]] = {}
    for key in state.keys() - {"generators"}:
        number, name = key.split(".")
        tensor = torch.from_numpy(state[key])
        if tensor.ndim:
            # Use the parameter's memory layout: the fused Adam reads both in memory order.
            tensor = torch.empty_like(parameters[int(number)]).copy_(tensor)
        remembered.setdefault(int(number), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": remembered, "param_groups": groups})


def generator(team: Team) -> torch.Generator:
    """Return the generator that dropout draws from."""
    if team.device == "cuda":
        return torch.cuda.default_generators[torch.cuda.current_device()]
    return torch.default_generator
