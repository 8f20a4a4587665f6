"""TensorFlow in several processes, on one machine or more: MultiWorkerMirroredStrategy.

The environment variable TF_CONFIG names the ranks. Their launcher sets it: on one machine this is
rank 0, which starts as many as `processes` in params.yaml. The strategy only sums here: every rank
has its own variables, and all ranks update them in the same way.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from digits.backends.tf.network import find_device, use_threads
from digits.errors import InputError
from digits.training.launch import free_ports, started
from digits.training.run import Run
from digits.training.team import Team


class Cluster(NamedTuple):
    """The processes that TF_CONFIG names: their addresses, a chief's first, and this one's rank."""

    addresses: list[str]
    rank: int


@contextmanager
def join(run: Run) -> Iterator[Team]:
    """Yield the process group of TF_CONFIG or, without a cluster, of `processes` in params.yaml.

    Without a cluster, this process starts the other ranks. They end with the body.
    """
    device = find_device(run.device)
    is_launched = read_cluster() is not None
    addresses = [f"127.0.0.1:{port}" for port in free_ports(run.processes)]
    environments = [
        {"TF_CONFIG": describe_cluster(addresses, rank)} for rank in range(len(addresses))
    ]
    with started(is_launched, environments) as several:
        cluster = read_cluster() if several else None
        yield connect(cluster, run.threads, device) if cluster else Team(device=device)


def read_cluster() -> Cluster | None:
    """Return TF_CONFIG's cluster; None if it names none. Raises InputError if it is invalid."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text or "{}")
        if not config.get("cluster") and "sparseCluster" not in config:
            return None
        tasks = {kind: list_addresses(task) for kind, task in config["cluster"].items()}
        kind, index = config["task"].get("type", "worker"), int(config["task"]["index"])
        chiefs = tasks.get("chief") or tasks.get("master") or []
        addresses = [*chiefs, *tasks.get("worker", [])]
        rank = index + (len(chiefs) if kind == "worker" else 0)
        assert isinstance(addresses[rank], str)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
        raise InputError(
            f"TF_CONFIG is {text!r}; expected all processes, in a text like "
            '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from None
    if tasks.get("ps") or kind not in ("chief", "master", "worker"):
        raise InputError(
            f"TF_CONFIG has {'parameter servers' if tasks.get('ps') else f'the task {kind!r}'}; "
            "expected only a chief and workers"
        )
    return Cluster(addresses, rank)


def list_addresses(tasks: list[str] | dict[str, str]) -> list[str]:
    """Return the addresses of one kind of task, in order; a mapping has them by their index.

    Raises LookupError if the mapping leaves one out.
    """
    if isinstance(tasks, dict):
        return [tasks[str(index)] for index in range(len(tasks))]
    return tasks


def describe_cluster(addresses: list[str], rank: int) -> str:
    """Return the TF_CONFIG of a cluster of workers."""
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}})


def connect(cluster: Cluster, threads: int, device: str) -> Team:
    """Return the cluster's process group, with its ranks connected."""
    addresses, rank = cluster
    hosts = [address.rpartition(":")[0] for address in addresses]
    here = [k for k, host in enumerate(hosts) if host == hosts[rank]]
    if device == "cuda":
        use_gpu(here.index(rank), len(here))
    use_threads(max(1, threads // len(here)))
    if len(addresses) == 1:
        os.environ.pop("TF_CONFIG", None)
        return Team(device=device)
    # TensorFlow reads TF_CONFIG itself. A chief becomes the first worker: rank 0.
    os.environ["TF_CONFIG"] = describe_cluster(addresses, rank)
    # The ranks talk to each other by gRPC, which would send this through a proxy.
    os.environ["no_grpc_proxy"] = ",".join(hosts)  # noqa: SIM112
    return TFTeam(rank, len(addresses), len(here), device)


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
