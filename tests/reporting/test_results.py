"""Of many runs, the most accurate are drawn."""

from digits.reporting.results import MAX_RUNS, most_accurate
from tests.support.results import make_result


def test_many_runs_are_the_best_fifty_in_their_order():
    results = [make_result("torch", f"run_{number}", number % 12) for number in range(120)]
    shown = most_accurate(results)
    assert len(shown) == MAX_RUNS
    assert [result.metrics["errors"] for result in shown] == [5, 4, 3, 2, 1] * 10
    assert most_accurate(results[:9]) == results[:9]
