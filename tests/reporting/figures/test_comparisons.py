"""The table of comparisons says which run is better."""

from digits.reporting.comparisons import compare_pairs
from digits.reporting.figures.comparisons import plot_comparisons
from tests.support.figures import texts
from tests.support.results import make_result


def test_comparisons_say_who_is_better_where_it_is_significant():
    runs = [
        make_result("torch", "cnn", 12),
        make_result("tf", "cnn", 1),
        make_result("scratch", "cnn", 11),
    ]
    axis = plot_comparisons(compare_pairs(runs), [run.name for run in runs], "MNIST").axes[0]
    verdicts = axis.collections[0].get_array()
    assert verdicts[0].tolist() == [1, None]  # 11 : 0
    assert verdicts[1].tolist() == [0, -1]  # 1 : 0, and 0 : 10
    assert [text.get_text().splitlines()[0] for text in axis.texts] == ["11 : 0", "1 : 0", "0 : 10"]


def test_one_run_alone_can_be_drawn():
    run = make_result("torch", "cnn", 9)
    assert "Which runs differ" in texts(plot_comparisons(compare_pairs([run]), [run.name], "MNIST"))


def test_comparisons_leave_out_the_numbers_where_they_do_not_fit():
    results = [make_result("torch", f"run_{number}", number % 12) for number in range(40)]
    names = [result.name for result in results]
    pairs = compare_pairs(results)
    assert not plot_comparisons(pairs, names, "MNIST").axes[0].texts
    assert len(plot_comparisons(pairs, names[:5], "MNIST").axes[0].texts) == 10
