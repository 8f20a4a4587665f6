"""The captions of the report's figures: what a figure shows, and what these results show in it."""

from collections.abc import Callable

import numpy as np

from digits.reporting.findings import Findings

# What each figure shows, in the report's order.
CAPTIONS = {
    "accuracy": (
        "Accuracy on the test images. The 95 % interval covers the sampling of the images, but not "
        "what another seed would change."
    ),
    "accuracy_against_time": "Accuracy against training time: one training each, on one machine.",
    "comparisons": (
        "McNemar's exact test of each pair of runs on the same test images, with Holm's correction "
        "for the number of pairs."
    ),
    "learning_curves": "Loss on the training and validation splits, by images seen.",
    "confusion_matrices": (
        "Misclassified test images by true and predicted class. The diagonal is left grey."
    ),
    "accuracy_per_class": "Accuracy on each true class.",
    "reliability": "Accuracy by confidence. On the diagonal, the two are equal.",
    "sample_predictions": "Five correct predictions and the most confident mistakes of each run.",
    "shared_mistakes": "The test images that most runs misclassified, with their predictions.",
    "first_layer_filters": "The weights of the first layer.",
    "pruned_pixels": (
        "The mean and the standard deviation of each pixel over the training split. Runs with "
        "pixels: kept in params.yaml do not use the pruned ones."
    ),
}


def describe_accuracy(found: Findings) -> str:
    """Name the most accurate run, and count the runs that differ from it significantly."""
    best = found.ranking.iloc[0]
    name = f"{best.framework} {best.run}"
    of_best = found.pairs[(found.pairs["first"] == name) | (found.pairs["second"] == name)]
    n_others, n_different = len(of_best), int(of_best["different"].sum())
    count = "each" if n_different == n_others else n_different or "none"
    others = f" It differs significantly from {count} of the {n_others} other runs."
    text = f"{name} is the most accurate with {percent(best.accuracy)}."
    return text + others if n_others else text


def describe_times(found: Findings) -> str:
    """Name the run with the shortest training, and its accuracy."""
    fastest = found.ranking.loc[found.ranking["train_seconds"].idxmin()]
    return (
        f"{fastest.framework} {fastest.run} has the shortest training, "
        f"{fastest.train_seconds:,.0f} s, and reaches {percent(fastest.accuracy)}."
    )


def describe_comparisons(found: Findings) -> str:
    """Count the pairs of runs that differ significantly."""
    n_different = int(found.pairs["different"].astype(bool).sum())
    return f"{n_different} of {len(found.pairs)} pairs differ significantly at 5 %."


def describe_learning_curves(found: Findings) -> str:
    """Name the runs with the lowest and the highest validation loss at the end."""
    losses = {}
    for result in found.drawn:
        history = result.history
        losses[result.name] = history.loc[history["split"] == "validation", "loss"].iloc[-1]
    low, high = min(losses, key=losses.__getitem__), max(losses, key=losses.__getitem__)
    if low == high:
        return f"The last validation loss is {losses[low]:.4f}."
    return (
        f"The last validation loss is lowest for {low}, {losses[low]:.4f}, and highest for {high}, "
        f"{losses[high]:.4f}."
    )


def describe_confusions(found: Findings) -> str:
    """Name the most frequent confusion of all runs together."""
    counts = np.sum([result.confusion_matrix for result in found.results], axis=0)
    np.fill_diagonal(counts, 0)
    if not counts.any():
        return "No run misclassified an image."
    true, predicted = np.unravel_index(counts.argmax(), counts.shape)
    names = found.class_names
    return (
        f"The most frequent mistake of all {len(found.results)} runs together is "
        f"{names[true]} classified as {names[predicted]}: {counts.max():,} times."
    )


def describe_classes(found: Findings) -> str:
    """Name the classes with the lowest and the highest accuracy, as means over the runs."""
    means = np.mean([result.accuracy_per_class for result in found.results], axis=0)
    low, high = int(np.nanargmin(means)), int(np.nanargmax(means))
    names = found.class_names
    return (
        f"As a mean over the runs, class {names[low]} has the lowest accuracy, "
        f"{percent(means[low])}, and class {names[high]} the highest, {percent(means[high])}."
    )


def describe_reliability(found: Findings) -> str:
    """Name the run with the largest calibration error."""
    errors = found.ranking["expected_calibration_error"]
    worst = found.ranking.loc[errors.idxmax()]
    return (
        f"Confidence and accuracy differ most for {worst.framework} {worst.run}: by "
        f"{100 * errors.max():.1f} points on average (expected calibration error)."
    )


def describe_samples(found: Findings) -> str:
    """Name the most confident mistake of the runs that are drawn."""
    mistakes = [
        (float(result.confidence[sample]), result, sample)
        for result in found.drawn
        for sample in result.confident_mistakes[:1]
    ]
    if not mistakes:
        return "No run made a mistake."
    confidence, result, sample = max(mistakes, key=lambda mistake: mistake[0])
    true, predicted = result.labels[sample], result.predictions[sample]
    return (
        f"The most confident mistake is that of {result.name}: it classifies a "
        f"{found.class_names[true]} as {found.class_names[predicted]} with {percent(confidence)}."
    )


def describe_shared_mistakes(found: Findings) -> str:
    """Count the images that every run misclassified, and those that at least half did."""
    n_wrong = np.sum([~result.is_right for result in found.results], axis=0)
    n_runs = len(found.results)
    return (
        f"All {n_runs} runs misclassified {int((n_wrong == n_runs).sum())} images. "
        f"At least half of the runs misclassified {int((2 * n_wrong >= n_runs).sum())}."
    )


def describe_filters(found: Findings) -> str:
    """Count the networks that begin with a convolution."""
    models = found.drawn_models.values()
    n_conv = sum(model.description.architecture[0].type == "conv" for model in models)
    return (
        f"{n_conv} of {len(models)} networks begin with a convolution. Its filters cover a few "
        "pixels; a filter of a dense layer covers the whole image."
    )


def describe_pruning(found: Findings) -> str:
    """Count the pruned pixels."""
    n_pixels = found.train_images[0].size
    n_pruned = n_pixels - len(found.preprocessing.kept_pixels)
    return f"{n_pruned} of {n_pixels} pixels are pruned."


def percent(fraction: float) -> str:
    """Return 99.64 % for 0.9964."""
    return f"{100 * fraction:.2f} %"


DESCRIPTIONS: dict[str, Callable[[Findings], str]] = {
    "accuracy": describe_accuracy,
    "accuracy_against_time": describe_times,
    "comparisons": describe_comparisons,
    "learning_curves": describe_learning_curves,
    "confusion_matrices": describe_confusions,
    "accuracy_per_class": describe_classes,
    "reliability": describe_reliability,
    "sample_predictions": describe_samples,
    "shared_mistakes": describe_shared_mistakes,
    "first_layer_filters": describe_filters,
    "pruned_pixels": describe_pruning,
}


def describe_figure(name: str, found: Findings) -> str:
    """Return the caption of a figure: what it shows, then what to see in it."""
    return f"{CAPTIONS[name]} {DESCRIPTIONS[name](found)}"
