"""Draw and tabulate what was measured.

Reads params.yaml, metrics/, data/evaluation/, models/*/*/history.csv, models/times/ and the raw test images; writes plots/figures/,
long tables for `dvc plots show` in plots/, and in plots/with_times/ whatever has wall-clock times in it: the results table, and
accuracy against training time.
"""

from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from tqdm import tqdm

from digits.errors import one_line_errors
from digits.files import read_json, read_split, rewritten, write_text
from digits.params import load_params
from digits.reporting import figures
from digits.reporting.results import TITLES, as_markdown, class_table, confusion_table, curves_table, load_results, results_table

PLOTS = Path("plots")


def write_figure(path: Path, figure: Figure) -> None:
    with rewritten(path) as partial:
        # Without matplotlib's version, so that the same picture is the same bytes.
        figure.savefig(partial, format="png", metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    results = load_results(load_params())
    names = read_json(Path("data/raw/dataset.json"))["class_names"]
    images, labels = read_split(Path("data/raw/test"))
    dataset = TITLES[results[0].metrics["dataset"]]
    title = f"{dataset}, {len(labels):,} test images"
    table = results_table(results)
    for name, rows in {
        "learning_curves": curves_table(results),
        "confusion_matrices": confusion_table(results, names),
        "accuracy_per_class": class_table(results, names),
        "with_times/results": table,
    }.items():
        write_text(PLOTS / f"{name}.csv", rows.to_csv(index=False))
    write_text(PLOTS / "with_times/results.md", as_markdown(table) + "\n")
    drawings = {
        "figures/learning_curves": lambda: figures.plot_learning_curves(results, dataset),
        "figures/confusion_matrices": lambda: figures.plot_confusion_matrices(results, names, title),
        "figures/sample_predictions": lambda: figures.plot_sample_predictions(results, images, names, title),
        "figures/accuracy_per_class": lambda: figures.plot_accuracy_per_class(results, names, title),
        "with_times/accuracy_against_time": lambda: figures.plot_accuracy_against_time(table, title),
    }
    for name, draw in tqdm(drawings.items(), desc="visualize", unit="figure", disable=None):
        write_figure(PLOTS / f"{name}.png", draw())


if __name__ == "__main__":
    with one_line_errors():
        main()
