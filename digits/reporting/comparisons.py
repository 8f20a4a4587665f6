"""McNemar's test of each pair of runs on the same test images.

Holm's method corrects it for the number of pairs.
"""

from itertools import combinations, islice

import networkx as nx
import numpy as np
import pandas as pd
from scipy.stats import binom
from statsmodels.stats.multitest import multipletests

from digits.reporting.results import RunResult

SIGNIFICANCE = 0.05
# All names of one or two letters. Two or three more runs can double the number of groups.
MAX_GROUPS = 702
COLUMNS = [
    "first",
    "second",
    "only_first_right",
    "only_second_right",
    "p_value",
    "p_holm",
    "different",
    "agreement",
    "same_architecture",
]
COUNTED_COLUMNS = [name for name in COLUMNS if name not in ("p_value", "p_holm", "different")]


def compare_pairs(results: list[RunResult]) -> pd.DataFrame:
    """Return a row for each pair of runs, `first` before `second` as in `results`.

    only_first_right and only_second_right count the images that only one of the two classified
    right. If both runs were equally good, such an image would fall to either side like a fair coin.
    p_value is McNemar's exact test of that, binomial and two-sided (McNemar, 1947). With many pairs
    some differ by chance: p_holm is corrected for their number (Holm, 1979), and `different` says
    whether it is below 5 %. agreement is the fraction of all images to which both runs gave the
    same answer, right or wrong.
    """
    rows = [count_differences(first, second) for first, second in combinations(results, 2)]
    table = pd.DataFrame(rows, columns=COUNTED_COLUMNS)
    if rows:
        counts = table[["only_first_right", "only_second_right"]]
        n = table["only_first_right"] + table["only_second_right"]
        table["p_value"] = np.minimum(2 * binom.cdf(counts.min(axis=1), n, 0.5), 1)
        table["different"], table["p_holm"], *_ = multipletests(
            table["p_value"], SIGNIFICANCE, method="holm"
        )
    return table.reindex(columns=COLUMNS)


def count_differences(
    first: RunResult, second: RunResult
) -> tuple[str, str, int, int, float, bool]:
    """Return the values of `COUNTED_COLUMNS` for two runs."""
    both_right = int((first.is_right & second.is_right).sum())
    return (
        first.name,
        second.name,
        int(first.is_right.sum()) - both_right,
        int(second.is_right.sum()) - both_right,
        float((first.predictions == second.predictions).mean()),
        first.architecture == second.architecture,
    )


def format_p_value(value: float) -> str:
    """Return "p = 0.0012", to two decimals from 0.01 on, or "p < 0.0001"."""
    if value < 0.0001:
        return "p < 0.0001"
    return f"p = {value:.4f}" if value < 0.01 else f"p = {value:.2f}"


def group_letters(names: list[str], pairs: pd.DataFrame) -> dict[str, str]:
    """Return the letters of each run's significance groups; `names` has the best run first.

    Two runs share a letter exactly if they do not differ significantly. Each letter stands for a
    maximal set of runs without a significant difference (Piepho, 2004). The sets may overlap, so a
    run may have several letters. With more than 702 sets, no run gets a letter.
    """
    not_different = nx.Graph()
    not_different.add_nodes_from(names)
    not_different.add_edges_from(
        pairs.loc[~pairs["different"].astype(bool), ["first", "second"]].itertuples(index=False)
    )
    cliques = list(islice(nx.find_cliques(not_different), MAX_GROUPS + 1))
    if len(cliques) > MAX_GROUPS:
        return dict.fromkeys(names, "see comparisons.csv")
    groups = sorted(sorted(names.index(name) for name in clique) for clique in cliques)
    letters: dict[str, list[str]] = {name: [] for name in names}
    for number, group in enumerate(groups):
        for place in group:
            letters[names[place]].append(letter(number))
    return {name: " ".join(names_of_groups) for name, names_of_groups in letters.items()}


def letter(number: int) -> str:
    """Return a, b, ... z, aa, ab, ... for 0, 1, ..."""
    return (letter(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)
