"""Every sample once an epoch, in an order that the seed decides; learning rates by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.training.schedule import learning_rates, plan_epochs, shuffled_batches
from tests.support.trainings import SGD


@given(
    n_samples=st.integers(1, 300),
    batch_size=st.integers(1, 100),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 9),
)
def test_each_epoch_has_every_sample_once(n_samples, batch_size, seed, epoch):
    batches = shuffled_batches(n_samples, batch_size, seed, epoch)
    assert sorted(np.concatenate(batches)) == list(range(n_samples))
    assert all(len(batch) == batch_size for batch in batches[:-1])


def test_samples_are_shuffled_not_batches_and_again_each_epoch():
    first, second = (np.concatenate(shuffled_batches(1000, 10, 0, epoch)) for epoch in (0, 1))
    assert not np.array_equal(first, second)
    # In batches of neighbours, 9 in 10 samples are followed by their neighbour; in a shuffle, 1 in
    # 1000.
    assert (np.diff(first) == 1).mean() < 0.02


def test_order_depends_on_the_seed_alone():
    first, again, other = (
        np.concatenate(shuffled_batches(100, 7, seed, epoch=1)) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_constant_stays_and_cosine_halves_midway():
    assert learning_rates("constant", 0.1, 3) == [0.1, 0.1, 0.1]
    rates = learning_rates("cosine", 0.1, 100)
    assert rates[0] == 0.1
    assert rates[50] == pytest.approx(0.05)
    assert rates[99] < 0.001


def test_one_cycle_rises_for_three_tenths_and_then_falls():
    rates = learning_rates("one_cycle", 0.1, 100)
    assert len(rates) == 100
    assert rates[0] == pytest.approx(0.1 / 25)
    assert rates.index(max(rates)) == 30
    assert max(rates) == pytest.approx(0.1)
    assert rates[65] == pytest.approx(0.05)
    assert rates[99] < 0.001


@given(schedule=st.sampled_from(["constant", "cosine", "one_cycle"]), n_steps=st.integers(1, 50))
def test_every_step_has_a_positive_rate_no_higher_than_the_peak(schedule, n_steps):
    rates = learning_rates(schedule, 0.1, n_steps)
    assert len(rates) == n_steps
    assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)


def test_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="expected one of: constant, cosine, one_cycle"):
        learning_rates("linear", 0.1, 3)


def test_one_schedule_runs_over_all_epochs():
    recipe = SGD.model_copy(update={"epochs": 2, "batch_size": 8, "schedule": "one_cycle"})
    steps = [step for epoch in plan_epochs(recipe, 20, seed=0) for step in epoch.steps]
    assert [len(step.samples) for step in steps] == [8, 8, 4, 8, 8, 4]
    rates = learning_rates("one_cycle", recipe.learning_rate, 6)
    assert [step.learning_rate for step in steps] == rates


def test_resumed_plan_is_the_rest_of_the_whole():
    recipe = SGD.model_copy(update={"epochs": 3, "batch_size": 8, "schedule": "cosine"})
    whole = list(plan_epochs(recipe, 20, seed=0))
    rest = list(plan_epochs(recipe, 20, seed=0, n_done=1))
    assert len(rest) == 2
    for found, expected in zip(rest, whole[1:], strict=True):
        for step, other in zip(found.steps, expected.steps, strict=True):
            assert np.array_equal(step.samples, other.samples)
            assert step.learning_rate == other.learning_rate
