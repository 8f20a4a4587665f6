"""Draw and tabulate what was measured.

Reads params.yaml, metrics/, data/evaluation/, models/, the raw test images and the training split;
writes plots/figures/, long tables for `dvc plots show` in plots/, in plots/with_times/ whatever has
wall-clock times in it, and plots/report.html, which holds all of it.
"""

from pathlib import Path

from tqdm import tqdm

from digits.base.files import read_json, read_split, rewritten, write_text
from digits.errors import one_line_errors
from digits.model.model_file import read_model
from digits.reporting import figures, tables
from digits.reporting.comparisons import compare_pairs
from digits.reporting.report import render_report
from digits.reporting.results import TITLES, load_results
from digits.training.params import load_params

PLOTS = Path("plots")
PROCESSED = Path("data/processed")


def main() -> None:
    params = load_params()
    results = load_results(params)
    models = {
        result.name: read_model(
            Path("models") / result.framework / result.run / "model.safetensors"
        )
        for result in results
    }
    images, labels = read_split(Path("data/raw/test"))
    preprocessing = read_json(PROCESSED / "preprocessing.json")
    names, dataset = preprocessing["class_names"], TITLES[preprocessing["dataset"]]
    title = f"{dataset}, {len(labels):,} test images"
    pairs = compare_pairs(results)
    table = tables.results_table(results, pairs)
    reliability = tables.reliability_table(results)
    for name, rows in {
        "learning_curves": tables.curves_table(results),
        "confusion_matrices": tables.confusion_table(results, names),
        "accuracy_per_class": tables.class_table(results, names),
        "reliability": reliability,
        "mistakes": tables.mistakes_table(results, images, names),
        "comparisons": pairs,
        "with_times/results": table,
    }.items():
        write_text(PLOTS / f"{name}.csv", rows.to_csv(index=False))
    write_text(PLOTS / "with_times/results.md", tables.as_markdown(table) + "\n")
    train_images = read_split(PROCESSED / "train")[0]
    train_title = f"{dataset}, {len(train_images):,} training images"
    shown = figures.most_accurate(results)
    some = "" if len(shown) == len(results) else f", the best {len(shown)} of {len(results)} runs"
    title_of_some, train_title_of_some = title + some, train_title + some
    shown_models = {result.name: models[result.name] for result in shown}
    drawings = {
        "figures/learning_curves": lambda: figures.plot_learning_curves(shown, train_title_of_some),
        "figures/confusion_matrices": lambda: figures.plot_confusion_matrices(
            shown, names, title_of_some
        ),
        "figures/accuracy_per_class": lambda: figures.plot_accuracy_per_class(
            shown, names, title_of_some
        ),
        "figures/accuracy": lambda: figures.plot_accuracy(table.head(len(shown)), title_of_some),
        "figures/comparisons": lambda: figures.plot_comparisons(
            pairs, [result.name for result in shown], title_of_some
        ),
        "figures/reliability": lambda: figures.plot_reliability(reliability, shown, title_of_some),
        "figures/sample_predictions": lambda: figures.plot_sample_predictions(
            shown, images, names, title_of_some
        ),
        "figures/shared_mistakes": lambda: figures.plot_shared_mistakes(
            results, images, names, title
        ),
        "figures/first_layer_filters": lambda: figures.plot_first_layer_filters(
            shown_models, train_title_of_some
        ),
        "figures/pruned_pixels": lambda: figures.plot_pruned_pixels(
            train_images, preprocessing["kept_pixels"], train_title
        ),
        "with_times/accuracy_against_time": lambda: figures.plot_accuracy_against_time(
            table, shown, title_of_some
        ),
    }
    written = {Path(name).name: PLOTS / f"{name}.png" for name in drawings}
    for name, draw in tqdm(drawings.items(), desc="visualize", unit="figure", disable=None):
        with rewritten(PLOTS / f"{name}.png") as partial:
            figures.save(draw(), partial)
    recipes = {
        result.name: params.recipe(result.framework, result.run).model_dump(exclude_none=True)
        for result in results
    }
    write_text(
        PLOTS / "report.html",
        render_report(title, table, pairs, results, models, recipes, images, names, written),
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
