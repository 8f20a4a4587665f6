"""Accuracies over several seeds as Markdown."""

from statistics import mean
from typing import Any

from digits.base.titles import DATASETS
from tools.markdown import format_table


def format_seeds(rows: list[dict[str, Any]]) -> str:
    """Return the test accuracies over several seeds, and how long the trainings took."""
    head = [
        "data",
        "run",
        "test accuracy %, mean (range)",
        "seeds",
        "epochs",
        "training (s)",
        "parameters",
    ]
    return format_table(head, [seeds_row(row) for row in rows], 2)


def seeds_row(row: dict[str, Any]) -> list[str]:
    """Return the cells of one run."""
    seeds = row["seeds"]
    accuracies = [100 * seed["accuracy"] for seed in seeds]
    seconds = [seed["train_seconds"] for seed in seeds]
    return [
        DATASETS[row["dataset"]],
        row["run"] + format_changes(row["changes"]),
        f"{mean(accuracies):.2f} ({min(accuracies):.2f} to {max(accuracies):.2f})",
        str(len(seeds)),
        str(row["recipe"]["epochs"]),
        f"{min(seconds):.0f} to {max(seconds):.0f}",
        f"{seeds[0]['parameters']:,}",
    ]


def format_changes(changes: dict[str, Any]) -> str:
    """Return " with epochs 10, augmentation shift 1" for a changed recipe; "" for an unchanged."""
    return f" with {format_values(changes)}" if changes else ""


def format_values(value: Any) -> str:
    """Return a value of params.yaml as text, a mapping as "key value, key value"."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{key} {format_values(item)}" for key, item in value.items())


def format_synthetic(worth: dict[str, Any]) -> str:
    """Return the accuracy on MNIST of a network that was trained on synthetic digits."""
    accuracies = [100 * run["accuracy_on_mnist"] for run in worth["runs"]]
    return (
        f"Trained on the synthetic digits alone, {worth['run']} scores {mean(accuracies):.2f} % on "
        f"MNIST's {worth['n_test']:,} test images: the mean of {len(accuracies)} seeds, which "
        f"range from {min(accuracies):.2f} to {max(accuracies):.2f} % "
        "(`python -m benchmarks.synthetic`)."
    )
