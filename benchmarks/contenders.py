"""Who races in benchmarks/engine.py: each a function that prepares a training and returns what
takes one step of it.

Every contender has the training split as one array in memory, the same initial weights and the same
mini-batches, in float32, and takes whole steps: gather the mini-batch, forward, backward, update.
Each runs in a process of its own.
"""

import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from digits.model.architecture import Architecture, Weights
from digits.training.memory import keep_freed_memory
from digits.training.params import ADAM, Recipe


class Task(NamedTuple):
    """What to train, and on what."""

    architecture: Architecture
    recipe: Recipe
    weights: Weights
    images: np.ndarray
    labels: np.ndarray


# Takes mini-batches, int64 (n_steps, batch_size), and takes a step for each.
Steps = Callable[[np.ndarray], None]


def prepare_scratch(task: Task, threads: int) -> Steps:
    """The engine, as the pipeline runs it."""
    from threadpoolctl import threadpool_limits

    from digits.backends.scratch import network as backend_scratch
    from digits.scratch.fast.workers import Workers
    from digits.scratch.optimizers import SGD, Adam

    keep_freed_memory()
    threadpool_limits(1, user_api="blas")
    network = backend_scratch.build(task.architecture, task.weights)
    workers = Workers(network, task.images, task.labels, threads)
    optimizer = Adam(*ADAM) if task.recipe.optimizer == "adam" else SGD(task.recipe.momentum or 0.0)

    def steps(batches: np.ndarray) -> None:
        for samples in batches:
            optimizer.step(network.parameters, workers.loss_and_gradient(samples).gradient, 1e-4)

    return steps


def prepare_torch(
    task: Task, threads: int, memory_format: str = "contiguous_format", as_in_pipeline: bool = False
) -> Steps:
    """PyTorch, eager: with its defaults, or in channels_last memory, or with all that the pipeline
    does for it.
    """
    if as_in_pipeline:
        keep_freed_memory()
    import torch
    from torch.nn import functional

    from digits.backends.torch import network as backend_torch

    torch.set_num_threads(threads)
    network = backend_torch.build(task.architecture, task.weights, task.images.shape[1:])
    x, y = backend_torch.as_tensor(task.images), torch.from_numpy(task.labels)
    if as_in_pipeline:
        optimizer = backend_torch.build_optimizer(network, task.recipe)
    else:
        layout = getattr(torch, memory_format)
        network = network.to(memory_format=layout)  # type: ignore[call-overload]
        if layout is torch.contiguous_format:  # flatten as PyTorch would: it is a view there, too
            network = torch.nn.Sequential(
                *(
                    torch.nn.Flatten() if isinstance(m, backend_torch.ChannelsLastFlatten) else m
                    for m in network
                )
            )
        x = x.contiguous(memory_format=layout) if x.ndim == 4 else x
        if task.recipe.optimizer == "adam":
            optimizer = torch.optim.Adam(
                network.parameters(), betas=(ADAM.beta_1, ADAM.beta_2), eps=ADAM.epsilon
            )
        else:
            optimizer = torch.optim.SGD(network.parameters(), momentum=task.recipe.momentum or 0.0)
    backend_torch.set_learning_rate(optimizer, 1e-4)

    def steps(batches: np.ndarray) -> None:
        for samples in torch.from_numpy(batches):
            loss = functional.cross_entropy(network(x[samples]), y[samples])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return steps


def prepare_keras(task: Task, threads: int) -> Steps:
    """Keras on TensorFlow, in the compiled loop in which the pipeline runs it."""
    keep_freed_memory()
    import tensorflow as tf

    from digits.backends.tf import network as backend_tf

    backend_tf.use_threads(threads)
    network = backend_tf.build(task.architecture, task.images.shape[1:], seed=0)
    network.set_weights(list(task.weights.values()))
    optimizer = backend_tf.build_optimizer(task.recipe)
    optimizer.build(network.trainable_variables)
    train_steps = backend_tf.compile_steps(network, optimizer, l2=0.0)
    x, y = tf.constant(task.images), tf.constant(task.labels)

    def steps(batches: np.ndarray) -> None:
        train_steps(x, y, tf.constant(batches), tf.fill([len(batches)], 1e-4), tf.constant(1.0))[
            0
        ].numpy()

    return steps


CONTENDERS: dict[str, Callable[[Task], Steps]] = {
    "scratch, 2 workers": lambda task: prepare_scratch(task, 2),
    "torch eager, 2 threads": lambda task: prepare_torch(task, 2),
    "torch channels_last, 2 threads": lambda task: prepare_torch(task, 2, "channels_last"),
    "torch as in the pipeline, 2 threads": lambda task: prepare_torch(task, 2, as_in_pipeline=True),
    "keras as in the pipeline, 2 threads": lambda task: prepare_keras(task, 2),
    "scratch, 1 worker": lambda task: prepare_scratch(task, 1),
    "torch eager, 1 thread": lambda task: prepare_torch(task, 1),
    "torch channels_last, 1 thread": lambda task: prepare_torch(task, 1, "channels_last"),
}


def plain_objective(
    x: np.ndarray, labels: np.ndarray, n_hidden: int, n_classes: int, l2: float, prepared: bool
) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """A sigmoid network's loss and gradient as they are usually written for SciPy.

    That is: in float64, all samples at once, BLAS's own threads; a column of ones for the bias and
    one-hot labels, made at each call. With `prepared` these two are made once, as a careful author
    would.
    """
    n, n_in = x.shape
    x = x.astype(np.float64)
    split = (n_in + 1) * n_hidden

    def constants() -> tuple[np.ndarray, np.ndarray]:
        return np.hstack([x, np.ones((n, 1))]), np.eye(n_classes)[labels]

    made_once = constants() if prepared else None

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        W1, W2 = (
            parameters[:split].reshape(n_in + 1, n_hidden),
            parameters[split:].reshape(n_hidden + 1, n_classes),
        )
        with_ones, one_hot = made_once or constants()
        hidden = np.hstack([1 / (1 + np.exp(-(with_ones @ W1))), np.ones((n, 1))])
        logits = hidden @ W2
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        loss = -np.log((probabilities * one_hot).sum(axis=1)).mean() + l2 / 2 * (
            (W1[:-1] ** 2).sum() + (W2[:-1] ** 2).sum()
        )
        d_logits = (probabilities - one_hot) / n
        d_hidden = (d_logits @ W2.T * hidden * (1 - hidden))[:, :-1]
        d_W1, d_W2 = with_ones.T @ d_hidden, hidden.T @ d_logits
        d_W1[:-1] += l2 * W1[:-1]
        d_W2[:-1] += l2 * W2[:-1]
        return loss, np.concatenate([d_W1.ravel(), d_W2.ravel()])

    return objective


def machine_is_two_core() -> bool:
    """Return whether there are the two cores that the contenders are set to."""
    return (
        len(os.sched_getaffinity(0)) >= 2 if sys.platform == "linux" else (os.cpu_count() or 1) >= 2
    )
