"""Are two runs really different? McNemar's test on the same test images, corrected for the number
of pairs.
"""

from itertools import combinations, islice

import networkx as nx
import numpy as np
import pandas as pd
from scipy.stats import binom
from statsmodels.stats.multitest import multipletests

from digits.reporting.results import RunResult

SIGNIFICANCE = 0.05
# As many as have a name of one or two letters; their number may double with every two or three
# runs.
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


def compare_pairs(results: list[RunResult]) -> pd.DataFrame:
    """Return a row for each pair of runs, `first` before `second` as in `results`.

    only_first_right and only_second_right count the images that one of the two classified right and
    the other did not. Were the two equally good, such an image would fall to either side like a
    fair coin: p_value is McNemar's exact test of that, binomial and two-sided (McNemar, 1947). With
    many pairs some differ by chance; p_holm is corrected for it (Holm, 1979), and `different` says
    that it is below 5 %. agreement is the share of all images to which the two gave the same
    answer, right or wrong.
    """
    rows = []
    for first, second in combinations(results, 2):
        both = int((first.is_right & second.is_right).sum())
        only_first, only_second = (
            int(first.is_right.sum()) - both,
            int(second.is_right.sum()) - both,
        )
        agreement = float((first.predictions == second.predictions).mean())
        rows.append(
            (
                first.name,
                second.name,
                only_first,
                only_second,
                agreement,
                first.architecture == second.architecture,
            )
        )
    table = pd.DataFrame(
        rows, columns=[name for name in COLUMNS if name not in ("p_value", "p_holm", "different")]
    )
    if rows:
        fewer, n = (
            table[["only_first_right", "only_second_right"]].min(axis=1),
            table["only_first_right"] + table["only_second_right"],
        )
        table["p_value"] = np.minimum(2 * binom.cdf(fewer, n, 0.5), 1)
        table["different"], table["p_holm"], *_ = multipletests(
            table["p_value"], SIGNIFICANCE, method="holm"
        )
    return table.reindex(columns=COLUMNS)


def group_letters(names: list[str], pairs: pd.DataFrame) -> dict[str, str]:
    """Return letters for each run, `names` being ordered from the best: two runs share one if they
    do not differ significantly.

    A letter is a largest set of runs of which no two differ (Piepho, 2004): where neighbours are
    alike but the ends are not, sets overlap, and a run has several letters. Where there are more
    than 702 such sets, which many runs may come to, nobody gets a letter.
    """
    alike = nx.Graph()
    alike.add_nodes_from(names)
    alike.add_edges_from(
        pairs.loc[~pairs["different"].astype(bool), ["first", "second"]].itertuples(index=False)
    )
    cliques = list(islice(nx.find_cliques(alike), MAX_GROUPS + 1))
    if len(cliques) > MAX_GROUPS:
        return dict.fromkeys(names, "see comparisons.csv")
    groups = sorted(sorted(names.index(name) for name in clique) for clique in cliques)
    return {
        name: " ".join(letter(number) for number, group in enumerate(groups) if place in group)
        for place, name in enumerate(names)
    }


def letter(number: int) -> str:
    """Return a, b, ... z, aa, ab, ... for 0, 1, ..."""
    return (letter(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)
