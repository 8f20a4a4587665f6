"""The process group that trains one network, as a back end sees it.

Each rank has the whole network and takes its share of every mini-batch. A mini-batch's loss and its
gradient are sums over its samples. So the ranks add their gradients, and all take the same step.
The framework's part is in digits/backends/<framework>/distributed.py.
"""

import numpy as np


class Team:
    """A process group of one rank: this process."""

    def __init__(self, rank: int = 0, size: int = 1, n_here: int = 1, device: str = "cpu"):
        """`size` is the world size; `rank` is this process's number, from 0 to size - 1.

        `n_here` is the number of ranks on this machine; `device` is "cpu" or "cuda".
        """
        self.rank, self.size, self.n_here, self.device = rank, size, n_here, device

    def share(self, samples: np.ndarray) -> tuple[np.ndarray, int]:
        """Return this rank's part of a mini-batch, and how many ranks have each sample.

        Every rank gets the whole mini-batch if it has fewer samples than ranks, so no part is
        empty.
        """
        n = len(samples)
        if n < self.size:
            return samples, self.size
        return samples[self.rank * n // self.size : (self.rank + 1) * n // self.size], 1

    def seed(self, seed: int) -> int:
        """Return the seed of this rank's dropout: `seed` on rank 0, unrelated seeds elsewhere."""
        if self.rank == 0:
            return seed
        return int(np.random.SeedSequence([seed, self.rank]).generate_state(1)[0])

    def threads(self, threads: int) -> int:
        """Return how many of a machine's threads this rank may use."""
        return max(1, threads // self.n_here)

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of the arrays that all ranks pass in."""
        return array

    def gather(self, array: np.ndarray) -> np.ndarray:
        """Return the arrays of all ranks, (size, *shape), in rank order."""
        rows = np.zeros((self.size, *array.shape), array.dtype)
        rows[self.rank] = array
        return self.sum(rows)

    def broadcast(self, data: bytes) -> bytes:
        """Return the bytes that rank 0 passes in."""
        data = data if self.rank == 0 else b""
        (n_bytes,) = self.sum(np.array([len(data)]))
        # Words of 8 bytes: not every framework can sum single bytes.
        words = np.zeros(-(-n_bytes // 8), np.int64)
        words.view(np.uint8)[: len(data)] = np.frombuffer(data, np.uint8)
        return self.sum(words).tobytes()[:n_bytes]


ALONE = Team()
