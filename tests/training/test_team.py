"""A team shares mini-batches, threads and seeds."""

import numpy as np
import pytest

from digits.training.team import ALONE, Team


@pytest.mark.parametrize(("n", "size"), [(8, 1), (8, 2), (8, 3), (3, 2), (3, 3)])
def test_shares_are_the_whole_batch_once_and_none_is_empty(n, size):
    shares = [Team(rank, size).share(np.arange(n)) for rank in range(size)]
    assert np.concatenate([part for part, _ in shares]).tolist() == list(range(n))
    assert all(len(part) and n_copies == 1 for part, n_copies in shares)


def test_a_batch_with_fewer_samples_than_processes_goes_to_all():
    for rank in range(3):
        part, n_copies = Team(rank, 3).share(np.arange(2))
        assert (part.tolist(), n_copies) == ([0, 1], 3)


def test_dropout_has_the_seed_itself_on_rank_0_and_others_elsewhere():
    assert ALONE.seed(7) == 7
    assert len({Team(rank, 3).seed(7) for rank in range(3)}) == 3


@pytest.mark.parametrize(
    ("threads", "n_here", "expected"), [(2, 1, 2), (2, 2, 1), (8, 3, 2), (2, 4, 1)]
)
def test_processes_share_the_threads(threads, n_here, expected):
    assert Team(0, n_here, n_here).threads(threads) == expected


@pytest.mark.parametrize("data", [b"", b"a", b"12345678", b"more than eight bytes"])
def test_a_team_of_one_broadcasts_to_itself(data):
    assert ALONE.broadcast(data) == data
    assert ALONE.gather(np.array([1, 2])).tolist() == [[1, 2]]
