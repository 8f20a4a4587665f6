"""Several workers for one training: each computes the gradients of some shards of every batch.

The loss of a batch and its gradient are sums over its samples. The cut into shards depends on the
size of the batch alone, and the gradients are added in the order of the shards. So any number of
workers gives the same bits.

Workers are forked processes, which share the training set without a copy. Threads would wait for
each other: Python runs one at a time, and NumPy's calls are many and short. Threads replace the
processes if a fork is unsafe because of other threads. Parameters and gradients are in shared
memory. Limit the matrix products of a worker to one thread (threadpoolctl): two threads on one core
are slower than one.
"""

import mmap
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Any

import numpy as np

from digits.scratch.layers import Array
from digits.scratch.losses import Labels
from digits.scratch.network import Network
from digits.scratch.train import GradientSource, Result, Samples, Seed

MAX_SHARDS = 4
# A shard costs some 50 microseconds to send, and one more gradient to add up.
MIN_SHARD_MULTIPLICATIONS = 100_000_000


class Workers(GradientSource):
    """Computes each batch in `n_workers` processes; this process is one of them."""

    def __init__(
        self, network: Network, x: Array, labels: Labels, n_workers: int = 1, fork: bool = True
    ):
        self.network, self.x, self.labels, self.n_workers = network, x, labels, n_workers
        self.multiplications = network.count_multiplications(x)
        parameters = shared_array(network.parameters.shape, network.parameters.dtype)
        parameters[:] = network.parameters
        network.place_parameters(parameters)
        self.gradients = shared_array((MAX_SHARDS, len(parameters)), parameters.dtype)
        self.views = [network.views(gradient) for gradient in self.gradients]
        self.outcomes = shared_array((MAX_SHARDS, 2), np.dtype(np.float64))  # loss, n_correct
        self.processes: list[ForkProcess] = []
        self.connections: list[Connection] = []
        for number in range(1, n_workers if fork else 1):
            self.start_process(number)
        self.pool = ThreadPoolExecutor(n_workers) if n_workers > 1 and not fork else None

    def loss_and_gradient(self, samples: Samples = None, l2: float = 0, seed: Seed = ()) -> Result:
        n_shards = self.count_shards(len(self.x) if samples is None else len(samples))
        busy = self.connections[: n_shards - 1]  # The other processes have no shard.
        for connection in busy:
            connection.send((samples, seed))
        if self.pool:
            list(self.pool.map(lambda i: self.compute(i, samples, seed), range(self.n_workers)))
        else:
            self.compute(0, samples, seed)
        for connection in busy:
            connection.recv()  # EOFError if the process has died.
        gradient = self.gradients[0]
        for other in self.gradients[1:n_shards]:
            gradient += other
        self.network.add_penalty_gradient(gradient, l2)
        loss, n_correct = self.outcomes[:n_shards].sum(axis=0)
        return Result(float(loss), int(n_correct), gradient)

    def compute(self, number: int, samples: Samples, seed: Seed) -> None:
        """Compute every n_workers-th shard of a batch, starting with shard `number`."""
        n = len(self.x) if samples is None else len(samples)
        n_shards = self.count_shards(n)
        for shard in range(number, n_shards, self.n_workers):
            part = slice(shard * n // n_shards, (shard + 1) * n // n_shards)
            chosen = part if samples is None else samples[part]
            draws = self.network.differs_in_training  # A new generator takes 35 microseconds.
            generator = np.random.default_rng([*seed, shard]) if draws else None
            self.outcomes[shard] = self.network.gradient(
                self.x[chosen], self.labels[chosen], n, generator, self.views[shard]
            )

    def count_shards(self, n: int) -> int:
        """Return the number of shards of a batch of n samples."""
        if self.network.couples_samples:
            return 1
        return max(1, min(MAX_SHARDS, n, n * self.multiplications // MIN_SHARD_MULTIPLICATIONS))

    def start_process(self, number: int) -> None:
        """Fork a process that waits for shards."""
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        self.connections.append(here)
        process = context.Process(target=self.serve, args=(number, there), daemon=True)
        process.start()
        self.processes.append(process)
        there.close()

    def serve(self, number: int, orders: Connection) -> None:
        """Compute the ordered shards, until the order is None or the parent has ended."""
        # The fork has copied the parent's pipe ends. A pipe closes when its last copy is closed.
        for connection in self.connections:
            connection.close()
        with suppress(EOFError, ConnectionError, KeyboardInterrupt):
            while (order := orders.recv()) is not None:
                self.compute(number, *order)
                orders.send(None)

    def close(self) -> None:
        """End the processes, and wait until they have ended."""
        for connection in self.connections:
            with suppress(OSError):  # It has died already.
                connection.send(None)
        for process in self.processes:
            process.join()
        if self.pool:
            self.pool.shutdown()


def shared_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return zeros in memory that this process shares with its later forks."""
    return np.frombuffer(mmap.mmap(-1, int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)
