"""The outputs of visualize: every table and every figure, by its path below plots/."""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from digits.reporting.figures.accuracy import (
    plot_accuracy,
    plot_accuracy_against_time,
    plot_accuracy_per_class,
)
from digits.reporting.figures.comparisons import plot_comparisons
from digits.reporting.figures.confusions import plot_confusion_matrices
from digits.reporting.figures.filters import plot_first_layer_filters
from digits.reporting.figures.learning_curves import plot_learning_curves
from digits.reporting.figures.pruned_pixels import plot_pruned_pixels
from digits.reporting.figures.reliability import plot_reliability
from digits.reporting.figures.samples import plot_sample_predictions, plot_shared_mistakes
from digits.reporting.findings import Findings
from digits.reporting.tables import class_table, confusion_table, curves_table, mistakes_table

# Everything that holds wall-clock times is in timing/.
TABLES: dict[str, Callable[[Findings], pd.DataFrame]] = {
    "learning_curves": lambda found: curves_table(found.results),
    "confusion_matrices": lambda found: confusion_table(found.results, found.class_names),
    "accuracy_per_class": lambda found: class_table(found.results, found.class_names),
    "reliability": lambda found: found.reliability,
    "mistakes": lambda found: mistakes_table(found.results, found.test_images, found.class_names),
    "comparisons": lambda found: found.pairs,
    "timing/results": lambda found: found.ranking,
}

FIGURES: dict[str, Callable[[Findings], Figure]] = {
    "figures/learning_curves": lambda found: plot_learning_curves(
        found.drawn, found.drawn_train_title
    ),
    "figures/confusion_matrices": lambda found: plot_confusion_matrices(
        found.drawn, found.class_names, found.drawn_title
    ),
    "figures/accuracy_per_class": lambda found: plot_accuracy_per_class(
        found.drawn, found.class_names, found.drawn_title
    ),
    "figures/accuracy": lambda found: plot_accuracy(
        found.ranking.head(len(found.drawn)), found.drawn_title
    ),
    "figures/comparisons": lambda found: plot_comparisons(
        found.pairs, [result.name for result in found.drawn], found.drawn_title
    ),
    "figures/reliability": lambda found: plot_reliability(
        found.reliability, found.drawn, found.drawn_title
    ),
    "figures/sample_predictions": lambda found: plot_sample_predictions(
        found.drawn, found.test_images, found.class_names, found.drawn_title
    ),
    "figures/shared_mistakes": lambda found: plot_shared_mistakes(
        found.results, found.test_images, found.class_names, found.title
    ),
    "figures/first_layer_filters": lambda found: plot_first_layer_filters(
        found.drawn_models, found.drawn_train_title
    ),
    "figures/pruned_pixels": lambda found: plot_pruned_pixels(
        found.train_images, found.preprocessing.kept_pixels, found.train_title
    ),
    "timing/accuracy_against_time": lambda found: plot_accuracy_against_time(
        found.ranking.head(len(found.drawn)), found.drawn_title
    ),
}
