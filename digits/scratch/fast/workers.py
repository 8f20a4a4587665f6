"""Several workers for one training: each computes the gradients of some shards of every batch.

The loss of a batch is a sum over its samples, and so is its gradient: parts of the batch can be
treated apart. A batch is cut into shards in a way that depends on its size alone; whoever is free
computes the gradient of a shard, and the sum is taken in the order of the shards. So the result has
the same bits for any number of workers.

Workers are forked processes, which have the training data without a copy: NumPy's many short calls
would make threads wait for each other (Python runs one at a time). Parameters and gradients lie in
memory that all share, so what the optimizer writes the workers read. Where a fork is unsafe,
because other threads are about, threads do it all the same. Matrix products had best be held to one
thread inside each worker (threadpoolctl): two that share a core are slower than one.
"""

import mmap
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import NamedTuple

import numpy as np

from digits.scratch.network import Network

MAX_SHARDS = 4
# A shard must hold a fair amount of work: handing it over costs some 50 microseconds, and adding up
# another gradient reads all of it.
MIN_SHARD_MULTIPLICATIONS = 100_000_000


class Result(NamedTuple):
    """Of a batch: the mean loss over its samples, how many were classified right, and the gradient,
    flat, until the next batch.
    """

    loss: float
    n_correct: int
    gradient: np.ndarray


class Workers:
    """Computes the gradients of a network on batches of a training set, in `n_workers` processes,
    this one among them.
    """

    def __init__(
        self,
        network: Network,
        x: np.ndarray,
        labels: np.ndarray,
        n_workers: int = 1,
        fork: bool = True,
    ):
        self.network, self.x, self.labels, self.n_workers = network, x, labels, n_workers
        self.multiplications = network.count_multiplications(x)
        parameters = shared_array(network.parameters.shape, network.parameters.dtype)
        parameters[:] = network.parameters
        network.use(parameters)
        self.gradients = shared_array((MAX_SHARDS, len(parameters)), parameters.dtype)
        self.views = [network.views(gradient) for gradient in self.gradients]
        # Loss and number right of each shard.
        self.outcomes = shared_array((MAX_SHARDS, 2), np.dtype(np.float64))
        self.processes: list[ForkProcess] = []
        self.helpers: list[Connection] = []
        if fork:
            for number in range(1, n_workers):
                self.start_helper(number)
        self.pool = ThreadPoolExecutor(n_workers) if n_workers > 1 and not fork else None

    def loss_and_gradient(
        self, samples: np.ndarray | None = None, l2: float = 0.0, seed: tuple[int, ...] = ()
    ) -> Result:
        """Return the result of the batch with these sample numbers, None for all; `seed` is that of
        its dropout.

        The gradient is that of the mean loss + l2 / 2 * sum W^2.
        """
        n_shards = self.count_shards(len(self.x) if samples is None else len(samples))
        helpers = self.helpers[: n_shards - 1]  # the others would have nothing to do
        for helper in helpers:
            helper.send((samples, seed))
        if self.pool:
            list(
                self.pool.map(
                    lambda number: self.work(number, samples, seed), range(self.n_workers)
                )
            )
        else:
            self.work(0, samples, seed)
        for helper in helpers:
            helper.recv()  # EOFError where the helper has died
        gradient = self.gradients[0]
        for other in self.gradients[1:n_shards]:
            gradient += other
        self.network.add_penalty_gradient(gradient, l2)
        loss, n_correct = self.outcomes[:n_shards].sum(axis=0)
        return Result(float(loss), int(n_correct), gradient)

    def work(self, number: int, samples: np.ndarray | None, seed: tuple[int, ...]) -> None:
        """Compute every n_workers-th shard of a batch, from the one with this number on."""
        n = len(self.x) if samples is None else len(samples)
        n_shards = self.count_shards(n)
        for shard in range(number, n_shards, self.n_workers):
            part = slice(shard * n // n_shards, (shard + 1) * n // n_shards)
            chosen = part if samples is None else samples[part]
            generator = (
                np.random.default_rng([*seed, shard]) if self.network.differs_in_training else None
            )
            self.outcomes[shard] = self.network.gradient(
                self.x[chosen], self.labels[chosen], n, generator, self.views[shard]
            )

    def count_shards(self, n: int) -> int:
        """Return into how many shards a batch of n samples is cut."""
        if self.network.couples_samples:
            return 1
        return max(1, min(MAX_SHARDS, n, n * self.multiplications // MIN_SHARD_MULTIPLICATIONS))

    def start_helper(self, number: int) -> None:
        """Fork a process that works whenever it is told to."""
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        self.helpers.append(here)
        process = context.Process(target=self.serve, args=(number, there), daemon=True)
        process.start()
        self.processes.append(process)
        there.close()

    def serve(self, number: int, orders: Connection) -> None:
        """Work as ordered, until the order is None or nobody is left to give one."""
        # The ends to give orders by, which a fork copies: a pipe ends with the last process that
        # has its other end.
        for helper in self.helpers:
            helper.close()
        try:
            while (order := orders.recv()) is not None:
                self.work(number, *order)
                orders.send(None)
        except (EOFError, ConnectionError, KeyboardInterrupt):
            pass

    def close(self) -> None:
        """End the helpers, and wait until they have."""
        for helper in self.helpers:
            with suppress(OSError):  # one that has died takes no order
                helper.send(None)
        for process in self.processes:
            process.join()
        if self.pool:
            self.pool.shutdown()


def shared_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array of zeros in memory that processes forked from here share."""
    return np.frombuffer(mmap.mmap(-1, int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)
