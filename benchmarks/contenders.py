"""The contenders of benchmarks/engine.py: each function prepares a training and returns its steps.

Every contender has the training split as one array in memory, the same initial weights and the same
mini-batches, in float32. It takes whole steps: gather the mini-batch, forward, backward, update.
Each runs in its own process, so the functions import the frameworks.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import digits.backends.torch  # noqa: F401 -- it sets GOMP_SPINCOUNT, before PyTorch is imported
from digits.model.architecture import Architecture, Weights
from digits.training.memory import keep_freed_memory
from digits.training.params import ADAM, Recipe

LEARNING_RATE = 1e-4


class Task(NamedTuple):
    """A network, its recipe and its data. The recipe has neither penalty nor augmentation."""

    layers: Architecture
    recipe: Recipe
    weights: Weights
    images: np.ndarray
    labels: np.ndarray


# Takes one step for each mini-batch, int64 (n_steps, batch_size).
Steps = Callable[[np.ndarray], None]


def prepare_scratch(task: Task, threads: int) -> Steps:
    """The engine, as the pipeline runs it."""
    from threadpoolctl import threadpool_limits

    from digits.backends.scratch.fit import build_optimizer
    from digits.backends.scratch.network import build
    from digits.scratch.fast.workers import Workers

    keep_freed_memory()
    threadpool_limits(1, user_api="blas")
    network = build(task.layers, task.weights)
    workers = Workers(network, task.images, task.labels, threads)
    optimizer = build_optimizer(task.recipe)

    def steps(batches: np.ndarray) -> None:
        for samples in batches:
            gradient = workers.loss_and_gradient(samples).gradient
            optimizer.step(network.parameters, gradient, LEARNING_RATE)

    return steps


def prepare_torch(task: Task, threads: int) -> Steps:
    """PyTorch, as the pipeline runs it."""
    import torch

    from digits.backends.torch.fit import build_optimizer
    from digits.backends.torch.network import as_tensor, build

    keep_freed_memory()
    torch.set_num_threads(threads)
    network = build(task.layers, task.weights, task.images.shape[1:])
    optimizer = build_optimizer(network, task.recipe)
    return torch_steps(network, optimizer, as_tensor(task.images), task.labels)


def prepare_torch_eager(
    task: Task, threads: int, memory_format: str = "contiguous_format"
) -> Steps:
    """PyTorch as most people write it: its own optimizer, in a memory format of PyTorch."""
    import torch

    from digits.backends.torch.network import ChannelsLastFlatten, as_tensor, build

    torch.set_num_threads(threads)
    layout = getattr(torch, memory_format)
    network = build(task.layers, task.weights, task.images.shape[1:])
    network = network.to(memory_format=layout)  # type: ignore[call-overload]
    if layout is torch.contiguous_format:
        # In this format PyTorch's own Flatten takes no copy.
        modules = []
        for module in network:
            is_ours = isinstance(module, ChannelsLastFlatten)
            modules.append(torch.nn.Flatten() if is_ours else module)
        network = torch.nn.Sequential(*modules)
    x = as_tensor(task.images)
    x = x.contiguous(memory_format=layout) if x.ndim == 4 else x
    optimizer: torch.optim.Optimizer
    if task.recipe.optimizer == "adam":
        betas = (ADAM.beta_1, ADAM.beta_2)
        optimizer = torch.optim.Adam(network.parameters(), betas=betas, eps=ADAM.epsilon)
    else:
        momentum = task.recipe.momentum or 0.0
        optimizer = torch.optim.SGD(network.parameters(), momentum=momentum)
    return torch_steps(network, optimizer, x, task.labels)


def torch_steps(network: Any, optimizer: Any, x: Any, labels: np.ndarray) -> Steps:
    """Return the usual training loop of PyTorch."""
    import torch
    from torch.nn import functional

    from digits.backends.torch.fit import set_learning_rate

    set_learning_rate(optimizer, LEARNING_RATE)
    y = torch.from_numpy(labels)

    def steps(batches: np.ndarray) -> None:
        for samples in torch.from_numpy(batches):
            loss = functional.cross_entropy(network(x[samples]), y[samples])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return steps


def prepare_keras(task: Task, threads: int) -> Steps:
    """Keras on TensorFlow, in the compiled loop of the pipeline."""
    import tensorflow as tf

    from digits.backends.tf.fit import build_optimizer, compile_steps
    from digits.backends.tf.network import build, use_threads

    keep_freed_memory()
    use_threads(threads)
    network = build(task.layers, task.images.shape[1:], seed=0)
    network.set_weights(list(task.weights.values()))
    optimizer = build_optimizer(task.recipe)
    optimizer.build(network.trainable_variables)
    train_steps = compile_steps(network, optimizer, task.recipe)
    x, y = tf.constant(task.images), tf.constant(task.labels)

    def steps(batches: np.ndarray) -> None:
        rates = tf.fill([len(batches)], LEARNING_RATE)
        loss, _ = train_steps(x, y, tf.constant(batches), rates, tf.constant(1.0))
        loss.numpy()  # wait for the result

    return steps


CONTENDERS: dict[str, Callable[[Task], Steps]] = {
    "scratch, 2 workers": lambda task: prepare_scratch(task, 2),
    "torch eager, 2 threads": lambda task: prepare_torch_eager(task, 2),
    "torch channels_last, 2 threads": lambda task: prepare_torch_eager(task, 2, "channels_last"),
    "torch as in the pipeline, 2 threads": lambda task: prepare_torch(task, 2),
    "keras as in the pipeline, 2 threads": lambda task: prepare_keras(task, 2),
    "scratch, 1 worker": lambda task: prepare_scratch(task, 1),
    "torch eager, 1 thread": lambda task: prepare_torch_eager(task, 1),
    "torch channels_last, 1 thread": lambda task: prepare_torch_eager(task, 1, "channels_last"),
}


def has_two_cores() -> bool:
    """Return whether this process has the two cores that the contenders are set to."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0)) >= 2
    return (os.cpu_count() or 1) >= 2
