"""A race ends with the first epoch that reaches the target."""

from benchmarks.race import race_to_target, summarize_race


def test_race_ends_at_the_target():
    epochs = iter([(2.0, 0.97), (1.5, 0.992), (9.0, 0.999)])
    expected = {"seconds": 3.5, "epochs": 2, "accuracy": 0.992, "reached": True}
    assert race_to_target(epochs) == expected
    assert next(epochs) == (9.0, 0.999)  # not trained


def test_race_without_the_target_takes_all_epochs():
    expected = {"seconds": 3.0, "epochs": 2, "accuracy": 0.98, "reached": False}
    assert race_to_target([(1.0, 0.97), (2.0, 0.98)]) == expected


def test_row_counts_the_rounds_that_reached_the_target():
    results = [
        race_to_target([(1.0, 0.991)]),
        race_to_target([(1.0, 0.97), (2.0, 0.98)]),
        race_to_target([(1.234, 0.97), (1.0, 0.993)]),
    ]
    assert summarize_race(results) == {
        "n": 3,
        "n_reached": 2,
        "epochs": [1, 2, 2],
        "seconds": {"median": 2.23, "low": 1.0, "high": 3.0},
        "accuracy": {"mean": 0.988, "low": 0.98, "high": 0.993},
    }
