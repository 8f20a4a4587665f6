"""McNemar's test, Holm's correction and the letters, against numbers worked by hand."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest

from digits.reporting.comparisons import compare_pairs, group_letters, letter
from tests.support.results import make_result


def test_pair_is_mcnemars_exact_test():
    pair = compare_pairs([make_result("torch", "cnn", 12), make_result("tf", "cnn", 5)]).iloc[0]
    assert (pair["first"], pair["second"], pair["only_first_right"], pair["only_second_right"]) == (
        "torch cnn",
        "tf cnn",
        7,
        0,
    )
    # Seven fair coins, all on one side or all on the other.
    assert pair["p_value"] == pytest.approx(2 / 2**7)
    assert pair["agreement"] == pytest.approx(5 / 12)
    assert pair["same_architecture"]


def test_both_sides_are_counted():
    first, second = make_result("torch", "cnn", 12), make_result("tf", "cnn", 12)
    # One mistake of the first, three others of the second.
    first.probabilities[:1] = np.roll(first.probabilities[:1], 1, axis=1)
    second.probabilities[1:4] = np.roll(second.probabilities[1:4], 1, axis=1)
    pair = compare_pairs([first, second]).iloc[0]
    assert (pair["only_first_right"], pair["only_second_right"]) == (3, 1)
    assert pair["p_value"] == pytest.approx(2 * (comb(4, 0) + comb(4, 1)) / 2**4)
    assert not pair["different"]


def test_same_predictions_do_not_differ():
    pair = compare_pairs([make_result("torch", "cnn", 9), make_result("tf", "cnn", 9)]).iloc[0]
    assert (pair["p_value"], pair["agreement"], pair["different"]) == (1, 1, False)


def test_holm_multiplies_the_smallest_by_the_number_of_pairs():
    pairs = compare_pairs(
        [make_result("torch", run, n_right) for run, n_right in (("a", 12), ("b", 5), ("c", 4))]
    )
    assert pairs["p_holm"].min() == pytest.approx(3 * pairs["p_value"].min())
    # 2/2^8 x 3 and 2/2^7 x 2 are below 5 %; b and c differ in one image.
    assert pairs["different"].tolist() == [True, True, False]


def test_many_pairs_make_a_lone_difference_insignificant():
    runs = [make_result("torch", "a", 12), make_result("torch", "b", 5)]
    assert compare_pairs(runs)["different"].tolist() == [True]
    crowd = runs + [make_result("torch", f"c{number}", 8) for number in range(4)]
    assert not compare_pairs(crowd)["different"].any()


def pairs_of(*different: tuple[str, str], names: str) -> pd.DataFrame:
    rows = [
        (a, b, (a, b) in different) for place, a in enumerate(names) for b in names[place + 1 :]
    ]
    return pd.DataFrame(rows, columns=["first", "second", "different"])


def test_runs_share_a_letter_exactly_if_they_do_not_differ():
    pairs = pairs_of(("p", "r"), ("p", "s"), ("q", "s"), names="pqrs")
    letters = group_letters(list("pqrs"), pairs)
    assert letters == {"p": "a", "q": "a b", "r": "b c", "s": "c"}
    for pair in pairs.itertuples():
        assert (
            bool(set(letters[pair.first].split()) & set(letters[pair.second].split()))
            != pair.different
        )


def test_one_run_has_a_letter():
    assert group_letters(["p"], compare_pairs([make_result("torch", "p", 3)])) == {"p": "a"}


def test_more_groups_than_letters_end_soon():
    names = [f"run_{number}" for number in range(200)]
    # Each differs from its neighbour alone: a largest set without a difference has one of each two,
    # so there are 2^100.
    rows = [(names[a], names[b], a // 2 == b // 2) for a, b in combinations(range(200), 2)]
    pairs = pd.DataFrame(rows, columns=["first", "second", "different"])
    assert set(group_letters(names, pairs).values()) == {"see comparisons.csv"}


def test_letters_go_on_after_z():
    assert [letter(number) for number in (0, 25, 26, 27, 52, 701, 702)] == [
        "a",
        "z",
        "aa",
        "ab",
        "ba",
        "zz",
        "aaa",
    ]
