"""The Markdown beside each benchmark's result is generated from it, and its numbers are right."""

import re

import pytest

from tests.support.paths import ROOT
from tools.accuracy_tables import format_seeds, format_synthetic
from tools.benchmark_tables import FORMATS, RESULTS, format_benchmark, format_page
from tools.growth_tables import format_growth, memory_share
from tools.speed_tables import format_augmentation, format_engine, format_pipeline, format_race

MIB = 2**20
MACHINE = {"cores": 2, "processor": "a processor", "instructions": "avx2", "threads": 2}


def test_every_result_has_a_format_and_a_page():
    names = {path.stem for path in (ROOT / RESULTS).glob("*.json")}
    assert names <= set(FORMATS)
    assert {path.stem for path in (ROOT / RESULTS).glob("*.md")} == names


@pytest.mark.parametrize("path", sorted((ROOT / RESULTS).glob("*.md")), ids=lambda path: path.stem)
def test_pages_are_as_generated(path):
    assert path.read_text() == format_page(path.stem, ROOT)


@pytest.mark.parametrize("name", FORMATS)
def test_every_line_of_a_table_has_as_many_cells(name):
    for part in format_benchmark(name, ROOT).split("\n\n"):
        widths = {line.count("|") for line in part.splitlines() if line.startswith("|")}
        assert len(widths) <= 1


def test_missing_result_says_how_to_measure_it(tmp_path):
    assert (
        format_benchmark("race", tmp_path) == "Not measured yet; run `python -m benchmarks.race`."
    )


def test_pipeline_shows_stages_and_machine():
    timing = {"total_seconds": 61.4, "no_op_seconds": 1.5, "peak_memory_bytes": 300 * MIB}
    text = format_pipeline(timing | MACHINE | {"stage_seconds": {"DVC": 3, "download": 58.44}})
    assert text.startswith(
        "61 s from an empty cache on 2 cores (a processor, avx2), 2 threads; 1.5 s"
    )
    assert "takes 300 MiB" in text
    assert "| download | 58.4 |" in text
    assert "| DVC" not in text


def test_race_is_told_in_multiples_of_ours():
    accuracy = {"mean": 0.991, "low": 0.9905, "high": 0.9912}
    row = {"accuracy": accuracy, "n": 3, "n_reached": 2, "epochs": [5, 4, 4]}
    ours = row | {"seconds": {"median": 2, "low": 1, "high": 3}}
    other = row | {"seconds": {"median": 5, "low": 4, "high": 6}}
    text = format_race({"target": 0.99, "rows": {"torch": ours, "other": other}} | MACHINE)
    assert "| torch fast | 2.0 (1.0 to 3.0) | 1.0 |" in text
    expected = "| other | 5.0 (4.0 to 6.0) | 2.5 | 4 or 5 | 99.10 (99.05 to 99.12) | 2 of 3 |"
    assert expected in text


def test_engine_is_compared_on_as_many_threads():
    rows = {
        name: {"median": speed, "low": 1, "high": 9, "share_of_gemm": 0.5, "peak_memory_bytes": MIB}
        for name, speed in (
            ("scratch, 2 workers", 6),
            ("torch eager, 2 threads", 4),
            ("scratch, 1 worker", 3),
            ("torch eager, 1 thread", 1),
        )
    }
    race = {"training": {"cnn": rows}, "minimizers": {}, "rounds": 3, "batch_size": 64}
    race |= {"gemm_gflops": 99.6, "objective": 0.15, "minimizer_rounds": 3, "python": "3.11"}
    text = format_engine(race | MACHINE)
    assert "| cnn | scratch, 2 workers | 6 (1 to 9) | 1.50 | 50% | 1 |" in text
    assert "| cnn | scratch, 1 worker | 3 (1 to 9) | 3.00 | 50% | 1 |" in text
    assert "100 GFLOP/s" in text


def test_augmentation_has_every_frameworks_ratio():
    ratios = {"torch": {"median": 1.07, "low": 0.9, "high": 1.08}}
    text = format_augmentation({"ratios": ratios, "rounds": 5} | MACHINE)
    assert "1.07 (0.90 to 1.08) times as long in torch" in text


def test_seeds_are_summarised_with_the_changed_recipe():
    seeds = [
        {"accuracy": accuracy, "train_seconds": seconds, "parameters": 1234}
        for accuracy, seconds in ((0.99, 10.4), (0.98, 12.0))
    ]
    changes = {"epochs": 4, "augmentation": {"shift": 1, "flip": True}}
    row = {"dataset": "mnist", "run": "torch/cnn", "changes": changes, "seeds": seeds}
    text = format_seeds([row | {"recipe": {"epochs": 4}}])
    named = "torch/cnn with epochs 4, augmentation shift 1, flip True"
    assert f"| MNIST | {named} | 98.50 (98.00 to 99.00) | 2 | 4 | 10 to 12 | 1,234 |" in text


def test_synthetic_digits_are_judged_by_accuracy_on_mnist():
    runs = [{"accuracy_on_mnist": 0.97}, {"accuracy_on_mnist": 0.98}]
    text = format_synthetic({"run": "torch/cnn", "n_test": 10_000, "runs": runs})
    assert re.search(
        r"97\.50 % on MNIST's 10,000 .* 2 seeds, which range from 97\.00 to 98\.00", text
    )


PREPROCESS = {
    "seconds": [2.0, 3.0],
    "peak_memory_bytes": [200 * MIB, 250 * MIB],
    "array_bytes": [50 * MIB, 100 * MIB],
}
EVALUATE = {
    "seconds": [4.0, 5.0],
    "peak_memory_bytes": [900 * MIB, 1000 * MIB],
    "array_bytes": [50 * MIB, 100 * MIB],
}
FEW_RUNS = {
    "n_runs": 10,
    "measured_on": "2026-01-01",
    "repro_seconds": 20.0,
    "dvc_seconds": 2.0,
    "no_op_seconds": 1.0,
    "status_seconds": 1.0,
    "visualize_seconds": 5.0,
    "visualize_peak_memory_bytes": 300 * MIB,
    "figures_bytes": MIB,
    "report_bytes": 2 * MIB,
}
MANY_RUNS = FEW_RUNS | {
    "n_runs": 200,
    "measured_on": "2026-01-02",
    "repro_seconds": 400.0,
    "dvc_seconds": 80.0,
    "visualize_seconds": 50.0,
}


def test_memory_share_is_the_growth_per_byte_of_the_arrays():
    assert memory_share(PREPROCESS) == 1.0
    assert memory_share(EVALUATE) == 2.0


def test_growth_names_what_grows_fastest():
    stages = {"preprocess": PREPROCESS, "evaluate tf": EVALUATE}
    images = {"times": [1, 8], "minimizer_iterations": 5, "stages": stages}
    text = format_growth({"images": images, "runs": [FEW_RUNS, MANY_RUNS]} | MACHINE)
    assert "| preprocess | 2.0 | 1.5 | 200 | 250 | 1.0 |" in text
    assert "Time grows fastest in preprocess, to 1.5 times at 8 x. " in text
    assert "Memory grows fastest in evaluate tf, by 2.0 times the arrays. " in text
    assert "| 200 | 400 | 80.0 | 1.0 | 1.0 | 50 | 300 | 1.0 | 2.0 |" in text
    assert "one stage each, on 2026-01-01 and 2026-01-02. " in text
    assert "With 20 times the runs, the repro takes 20 times as long. " in text
    assert "DVC's overhead takes 40 times as long" in text
