"""Every sample once an epoch, in an order that the seed decides; learning rates by hand."""

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from digits.training.params import load_params
from digits.training.schedule import learning_rates, plan_epochs, shuffled_batches

RECIPE = load_params(ROOT / "params.yaml").recipe("torch", "cnn")


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


def test_samples_are_shuffled_not_batches_and_anew_each_epoch():
    first, second = (np.concatenate(shuffled_batches(1000, 10, 0, epoch)) for epoch in (0, 1))
    assert not np.array_equal(first, second)
    # In batches of neighbours a sample's successor would be its neighbour 9 times in 10; in a
    # shuffle once in 1000.
    assert (np.diff(first) == 1).mean() < 0.02


def test_order_depends_on_the_seed_alone():
    pairs = zip(shuffled_batches(100, 7, 3, 1), shuffled_batches(100, 7, 3, 1), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert not np.array_equal(
        shuffled_batches(100, 100, 3, 1)[0], shuffled_batches(100, 100, 4, 1)[0]
    )


def test_constant_stays_and_cosine_halves_midway():
    assert learning_rates("constant", 0.1, 3) == [0.1, 0.1, 0.1]
    rates = learning_rates("cosine", 0.1, 100)
    assert rates[0] == 0.1
    assert rates[50] == pytest.approx(0.05)
    assert rates[99] < 0.001


def test_one_cycle_climbs_for_three_tenths_and_then_falls():
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


def test_plan_runs_one_schedule_over_all_epochs():
    epochs = list(plan_epochs(RECIPE.model_copy(update={"epochs": 2, "batch_size": 8}), 20, seed=0))
    assert [len(step.samples) for epoch in epochs for step in epoch.steps] == [8, 8, 4, 8, 8, 4]
    assert [step.learning_rate for epoch in epochs for step in epoch.steps] == learning_rates(
        RECIPE.schedule, RECIPE.learning_rate, 6
    )
