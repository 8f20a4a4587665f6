"""How cost grows, as Markdown: with the number of images, and with the number of runs."""

from collections.abc import Callable
from typing import Any

from tools.markdown import MIB, format_machine, format_mib, format_table

# The columns of the table of runs, each with the text of its cell.
RUN_COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "runs": lambda row: f"{row['n_runs']}",
    "dvc repro (s)": lambda row: f"{row['repro_seconds']:,.0f}",
    "DVC overhead (s)": lambda row: f"{row['dvc_seconds']:,.1f}",
    "no-op repro (s)": lambda row: f"{row['no_op_seconds']:.1f}",
    "dvc status (s)": lambda row: f"{row['status_seconds']:.1f}",
    "visualize (s)": lambda row: f"{row['visualize_seconds']:,.0f}",
    "visualize memory (MiB)": lambda row: format_mib(row["visualize_peak_memory_bytes"]),
    "figures (MiB)": lambda row: f"{row['figures_bytes'] / MIB:.1f}",
    "report (MiB)": lambda row: f"{row['report_bytes'] / MIB:.1f}",
}


def format_growth(growth: dict[str, Any]) -> str:
    """Return how cost grows with the number of images, and with the number of runs."""
    return (
        f"{format_growth_with_images(growth['images'])}\n\n"
        f"{format_growth_with_runs(growth['runs'])} Measured once, by "
        f"`python -m benchmarks.growth`, on {format_machine(growth)}, {growth['threads']} threads."
    )


def format_growth_with_images(images: dict[str, Any]) -> str:
    """Return each stage's time and memory at each size of the data, and what grows fastest."""
    sizes, stages = images["times"], images["stages"]
    largest = sizes[-1]
    head = [
        "stage",
        f"s at {sizes[0]} x",
        *(f"time at {size} x" for size in sizes[1:]),
        *(f"MiB at {size} x" for size in sizes),
        "memory growth per byte of arrays",
    ]
    rows = [stage_row(stage, row) for stage, row in stages.items()]
    slowest = max(stages, key=lambda stage: time_ratios(stages[stage])[-1])
    hungriest = max(stages, key=lambda stage: memory_share(stages[stage]))
    return (
        f"{format_table(head, rows, 1)}\n\n"
        f"MNIST up to {largest} times over ({60_000 * largest:,} training and "
        f"{10_000 * largest:,} test images), one process per stage. Trainings have one epoch, "
        f"`mlp_sigmoid` {images['minimizer_iterations']} iterations. Times are multiples of that "
        f"at {sizes[0]} x, with Python's start. The last column divides the growth of the peak "
        "memory by the growth of the arrays that the stage reads: 1 means the arrays themselves, "
        f"mapped from their files. Time grows fastest in {slowest}, to "
        f"{time_ratios(stages[slowest])[-1]:.1f} times at {largest} x. Memory grows fastest in "
        f"{hungriest}, by {memory_share(stages[hungriest]):.1f} times the arrays. `pixels: kept` "
        "copies the kept pixels, and a minimizer's step holds the hidden layer of all images."
    )


def stage_row(stage: str, row: dict[str, Any]) -> list[str]:
    """Return the cells of one stage."""
    return [
        stage,
        f"{row['seconds'][0]:.1f}",
        *(f"{ratio:.1f}" for ratio in time_ratios(row)[1:]),
        *(format_mib(peak) for peak in row["peak_memory_bytes"]),
        f"{memory_share(row):.1f}",
    ]


def time_ratios(row: dict[str, Any]) -> list[float]:
    """Return a stage's time at each size, divided by that at the smallest."""
    return [seconds / row["seconds"][0] for seconds in row["seconds"]]


def memory_share(row: dict[str, Any]) -> float:
    """Return by how many bytes the peak memory grows with each byte of the arrays."""
    peaks, arrays = row["peak_memory_bytes"], row["array_bytes"]
    return float((peaks[-1] - peaks[0]) / (arrays[-1] - arrays[0]))


def format_growth_with_runs(runs: list[dict[str, Any]]) -> str:
    """Return the cost of DVC and visualize at each number of runs, and what grows fastest."""
    rows = [[format_cell(row) for format_cell in RUN_COLUMNS.values()] for row in runs]
    days = " and ".join(sorted({row["measured_on"] for row in runs}))
    first, last = runs[0], runs[-1]
    n_runs, repro, dvc, drawing = (
        f"{last[key] / first[key]:.0f}"
        for key in ("n_runs", "repro_seconds", "dvc_seconds", "visualize_seconds")
    )
    return (
        f"{format_table(list(RUN_COLUMNS), rows, 0)}\n\n"
        f"Linear models on 1,000 images, scored on 10,000, one stage each, on {days}. DVC's "
        f"overhead is processor time. With {n_runs} times the runs, the repro takes {repro} times "
        f"as long. DVC's overhead takes {dvc} times as long, because DVC writes all of `dvc.lock` "
        f"after each stage. visualize takes {drawing} times as long: it compares every pair of "
        "runs, and draws the best 50 one by one."
    )
