"""TensorFlow in several processes: tf.distribute's MultiWorkerMirroredStrategy, on one machine or
more.

The environment variable TF_CONFIG names the processes, and is set by whoever starts them: on one
machine the first of them, by `processes` in params.yaml. The strategy only adds up here: every
process has variables of its own, to which the same happens everywhere.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from digits.backends.tf.network import find_device, use_threads
from digits.errors import InputError
from digits.training.launch import free_ports, started
from digits.training.params import Params
from digits.training.team import Team


@contextmanager
def join(params: Params) -> Iterator[Team]:
    """Yield this process's team: TF_CONFIG's, or that of `processes` in params.yaml, whose others
    are started here and end with the body.
    """
    device = find_device(params.device)
    workers = [f"127.0.0.1:{port}" for port in free_ports(params.processes)]
    configs = [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": k}}
        for k in range(len(workers))
    ]
    with started("TF_CONFIG", [{"TF_CONFIG": json.dumps(config)} for config in configs]) as several:
        yield read_team(params.threads, device) if several else Team(device=device)


def read_team(threads: int, device: str) -> Team:
    """Return the team that TF_CONFIG tells of, once its processes have met; raise InputError where
    it is no such thing.
    """
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        workers, rank = config["cluster"]["worker"], config["task"]["index"]
        host = workers[rank].rpartition(":")[0]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise InputError(
            f"TF_CONFIG is {os.environ['TF_CONFIG']!r}; expected a text like "
            '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, "task": {"type": "worker", "index": 0}}'
        ) from None
    here = [k for k, worker in enumerate(workers) if worker.rpartition(":")[0] == host]
    if device == "cuda":
        gpus = tf.config.list_physical_devices("GPU")
        if len(here) > len(gpus):
            raise InputError(
                f"{len(here)} processes on this machine have {len(gpus)} GPUs; expected a GPU for each, or device: cpu"
            )
        tf.config.set_visible_devices(gpus[here.index(rank)], "GPU")
    use_threads(max(1, threads // len(here)))
    return (
        TFTeam(rank, len(workers), len(here), device) if len(workers) > 1 else Team(device=device)
    )


class TFTeam(Team):
    """The processes of a MultiWorkerMirroredStrategy."""

    def __init__(self, rank: int, size: int, n_here: int, device: str):
        super().__init__(rank, size, n_here, device)
        self.strategy = tf.distribute.MultiWorkerMirroredStrategy()

    def sum(self, array: np.ndarray) -> np.ndarray:
        if not array.size:  # TensorFlow ends the process over an empty one
            return array
        return self.strategy.reduce("SUM", tf.constant(array), axis=None).numpy()

    def spread(self, network: keras.Sequential, gradient: Callable) -> Callable:
        """Return the function `gradient`, which returns loss, number right and gradients, as one
        whose gradients are the sums of all processes'.

        The network's batch_norm takes the whole mini-batch then, of which each process has a part.
        """
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True

        def add_up(*arguments):
            loss, n_correct, gradients = gradient(*arguments)
            return loss, n_correct, tf.distribute.get_replica_context().all_reduce("SUM", gradients)

        return lambda *arguments: self.strategy.run(add_up, arguments)
