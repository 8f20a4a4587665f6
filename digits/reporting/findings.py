"""The content of the tables, the figures and the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from digits.base.files import read_split
from digits.base.titles import DATASETS
from digits.model.model_file import Model, read_model
from digits.preprocessing.apply import Preprocessing, load_preprocessing
from digits.reporting.comparisons import compare_pairs
from digits.reporting.results import NamedRun, RunResult, load_results, most_accurate
from digits.reporting.tables import reliability_table, results_table


class Recipe(Protocol):
    """How a run trains: a schema of params.yaml."""

    def model_dump(self, *, exclude_none: bool) -> dict[str, Any]:
        """Return the settings by name."""


class TrainedRun(NamedRun, Protocol):
    """A run of params.yaml."""

    @property
    def recipe(self) -> Recipe: ...


@dataclass(frozen=True, eq=False)
class Findings:
    """The results, the models and the images.

    `models` and `recipes` are keyed by the result's name. The test images are raw, uint8
    (n_samples, 28, 28); the training images are normalised, float32 of the same shape.
    """

    results: list[RunResult]
    models: dict[str, Model]
    recipes: dict[str, dict[str, Any]]
    preprocessing: Preprocessing
    test_images: np.ndarray
    train_images: np.ndarray

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The comparisons of all pairs of runs, as `compare_pairs` returns them."""
        return compare_pairs(self.results)

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """One row per run, the best first, as `results_table` returns it."""
        return results_table(self.results, self.pairs)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Confidence against accuracy, as `reliability_table` returns it."""
        return reliability_table(self.results)

    @property
    def class_names(self) -> list[str]:
        return self.preprocessing.class_names

    @cached_property
    def drawn(self) -> list[RunResult]:
        """The runs that are drawn one by one."""
        return most_accurate(self.results)

    @property
    def drawn_models(self) -> dict[str, Model]:
        return {result.name: self.models[result.name] for result in self.drawn}

    @property
    def dataset(self) -> str:
        """The data set's title."""
        return DATASETS[self.preprocessing.dataset]

    @property
    def title(self) -> str:
        """The data set and the number of test images."""
        return f"{self.dataset}, {len(self.test_images):,} test images"

    @property
    def train_title(self) -> str:
        """The data set and the number of training images."""
        return f"{self.dataset}, {len(self.train_images):,} training images"

    @property
    def drawn_title(self) -> str:
        """The title of a figure of the drawn runs' test predictions."""
        return self.title + self.drawn_note

    @property
    def drawn_train_title(self) -> str:
        """The title of a figure of the drawn runs' training."""
        return self.train_title + self.drawn_note

    @property
    def drawn_note(self) -> str:
        """What a title adds if not every run is drawn."""
        n_drawn, n_runs = len(self.drawn), len(self.results)
        return "" if n_drawn == n_runs else f", the best {n_drawn} of {n_runs} runs"


def load_findings(runs: Sequence[TrainedRun], root: Path = Path()) -> Findings:
    """Return the pipeline's results for these runs; raise InputError if a file is missing."""
    results = load_results(runs, root)
    models, recipes = {}, {}
    for run, result in zip(runs, results, strict=True):
        path = root / "models" / run.framework / run.name / "model.safetensors"
        models[result.name] = read_model(path)
        recipes[result.name] = run.recipe.model_dump(exclude_none=True)
    return Findings(
        results,
        models,
        recipes,
        preprocessing=load_preprocessing(root / "data/processed/preprocessing.json"),
        test_images=read_split(root / "data/raw/test")[0],
        train_images=read_split(root / "data/processed/train")[0],
    )
