"""TensorFlow in several processes, on one machine or more: MultiWorkerMirroredStrategy.

The environment variable TF_CONFIG names the ranks. Their launcher sets it: on one machine this is
rank 0, which starts as many as `processes` in params.yaml. The strategy only sums here: every rank
has its own variables, and all ranks update them in the same way.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from digits.backends.tf.network import find_device, use_threads
from digits.errors import InputError
from digits.training.launch import free_ports, started
from digits.training.run import Run
from digits.training.team import Team


@contextmanager
def join(run: Run) -> Iterator[Team]:
    """Yield the process group of TF_CONFIG or, if it is not set, of `processes` in params.yaml.

    If TF_CONFIG is not set, this process starts the other ranks. They end with the body.
    """
    device = find_device(run.device)
    workers = [f"127.0.0.1:{port}" for port in free_ports(run.processes)]
    environments = []
    for rank in range(len(workers)):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": rank}}
        environments.append({"TF_CONFIG": json.dumps(config)})
    with started("TF_CONFIG", environments) as several:
        yield read_team(run.threads, device) if several else Team(device=device)


def read_team(threads: int, device: str) -> Team:
    """Return TF_CONFIG's process group, with its ranks connected; raise InputError if invalid."""
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        workers, rank = config["cluster"]["worker"], config["task"]["index"]
        host = workers[rank].rpartition(":")[0]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise InputError(
            f"TF_CONFIG is {os.environ['TF_CONFIG']!r}; expected a text like "
            '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from None
    here = [k for k, worker in enumerate(workers) if worker.rpartition(":")[0] == host]
    if device == "cuda":
        use_gpu(here.index(rank), len(here))
    use_threads(max(1, threads // len(here)))
    if len(workers) == 1:
        return Team(device=device)
    return TFTeam(rank, len(workers), len(here), device)


def use_gpu(number: int, n_here: int) -> None:
    """Give this rank the GPU with that number; raise InputError unless each rank has one."""
    gpus = tf.config.list_physical_devices("GPU")
    if n_here > len(gpus):
        raise InputError(
            f"this machine has {n_here} ranks and {len(gpus)} GPUs; "
            "expected a GPU for each rank, or device: cpu in params.yaml"
        )
    tf.config.set_visible_devices(gpus[number], "GPU")


class TFTeam(Team):
    """The process group of a MultiWorkerMirroredStrategy."""

    def __init__(self, rank: int, size: int, n_here: int, device: str):
        super().__init__(rank, size, n_here, device)
        self.strategy = tf.distribute.MultiWorkerMirroredStrategy()

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of the arrays that all ranks pass in."""
        if not array.size:  # TensorFlow ends the process if it is empty
            return array
        summed: np.ndarray = self.strategy.reduce("SUM", tf.constant(array), axis=None).numpy()
        return summed

    def spread(self, network: keras.Sequential, gradient: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function `gradient` with its gradients summed over all ranks.

        `gradient` returns loss, number right and gradients. From now on, the network's batch_norm
        takes its statistics over the whole mini-batch.
        """
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True

        def add_up(*arguments: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
            loss, n_correct, gradients = gradient(*arguments)
            context = tf.distribute.get_replica_context()
            return loss, n_correct, context.all_reduce("SUM", gradients)

        return lambda *arguments: self.strategy.run(add_up, arguments)
