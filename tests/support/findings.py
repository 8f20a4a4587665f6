"""What was measured of several runs, made up."""

from collections.abc import Sequence

import numpy as np

from digits.reporting.findings import Findings
from tests.support.models import CLASS_NAMES, make_model, make_preprocessing
from tests.support.results import make_result

SMALL_LAYERS = ["flatten", {"dense": {"units": 3}}]


def make_findings(runs: Sequence[tuple[str, str, int]]) -> Findings:
    """Return the findings on twelve noise images; a run is (framework, name, number right)."""
    generator = np.random.default_rng(0)
    results = [make_result(framework, run, n_right) for framework, run, n_right in runs]
    return Findings(
        results,
        models={result.name: make_model(SMALL_LAYERS) for result in results},
        recipes={},
        preprocessing=make_preprocessing(range(300), CLASS_NAMES),
        test_images=generator.integers(0, 256, (12, 28, 28), dtype=np.uint8),
        train_images=generator.random((20, 28, 28), dtype=np.float32),
    )
