"""The processes that train one network together, as a back end sees them.

Each has the whole network and takes its share of every mini-batch. The loss of a batch is a sum
over its samples, and so is its gradient: the processes add up what they have, and all take the same
step.
"""

import numpy as np


class Team:
    """A team of one: this process alone. The teams of several are in torch_team.py and tf_team.py."""

    def __init__(self, rank: int = 0, size: int = 1, n_here: int = 1, device: str = "cpu"):
        """`rank` is this process's number, from 0 to size - 1; `n_here` are on its machine;
        `device` is the one that it trains on: cpu or cuda.
        """
        self.rank, self.size, self.n_here, self.device = rank, size, n_here, device

    def share(self, samples: np.ndarray) -> tuple[np.ndarray, int]:
        """Return this process's part of a mini-batch, and how many processes have each sample.

        That is one; but a batch with fewer samples than there are processes goes whole to each of
        them, so that no part is empty.
        """
        n = len(samples)
        if n < self.size:
            return samples, self.size
        return samples[self.rank * n // self.size : (self.rank + 1) * n // self.size], 1

    def seed(self, seed: int) -> int:
        """Return the seed of this process's dropout: `seed` itself for the first, for the others
        one that has nothing to do with it.
        """
        return (
            seed
            if self.rank == 0
            else int(np.random.SeedSequence([seed, self.rank]).generate_state(1)[0])
        )

    def threads(self, threads: int) -> int:
        """Return how many of a machine's threads are this process's."""
        return max(1, threads // self.n_here)

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of the arrays that the processes call this with, the same for all."""
        return array

    def gather(self, array: np.ndarray) -> np.ndarray:
        """Return the arrays of all processes, (size, *shape), in the order of their ranks."""
        rows = np.zeros((self.size, *array.shape), array.dtype)
        rows[self.rank] = array
        return self.sum(rows)

    def broadcast(self, data: bytes) -> bytes:
        """Return what the first process calls this with."""
        data = data if self.rank == 0 else b""
        (n_bytes,) = self.sum(np.array([len(data)]))
        # 8 bytes each: not every framework adds up single ones.
        words = np.zeros(-(-n_bytes // 8), np.int64)
        words.view(np.uint8)[: len(data)] = np.frombuffer(data, np.uint8)
        return self.sum(words).tobytes()[:n_bytes]


ALONE = Team()
