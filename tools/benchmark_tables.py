"""Each benchmark's result, benchmarks/<name>.json, as Markdown for the pages that
tools/measured_docs.py writes.
"""

from statistics import mean
from typing import Any

from digits.reporting.results import TITLES
from digits.training.params import FRAMEWORKS


def format_timing(timing: dict) -> str:
    """Return the pipeline's time, stage by stage; runs of one stage follow each other."""
    rows = [
        f"| {stage} | {seconds:.1f} |"
        for stage, seconds in timing["stage_seconds"].items()
        if stage != "DVC"
    ]
    head = (
        f"{timing['total_seconds']:.0f} s from an empty cache on {timing['cores']} cores ({timing['processor']}), {timing['threads']} threads; "
        f"{timing['no_op_seconds']:.1f} s when there is nothing to do; no process took more than {timing['peak_memory_bytes'] / 2**20:,.0f} MiB."
    )
    return "\n".join([head, "", "| stage | seconds |", "|---|---:|", *rows])


def format_side_by_side(gain: dict) -> str:
    """Return how long the whole pipeline takes side by side over one stage after another."""
    ratio, seconds = gain["ratio"], gain["seconds"]
    return (
        f"From an empty cache, without the run `best`, {gain['jobs']} jobs take {ratio['median']:.2f} times ({ratio['low']:.2f} to "
        f"{ratio['high']:.2f}) as long as one stage after another, {seconds['side by side']:.0f} s to {seconds['one after another']:.0f} s: medians "
        f"of {gain['rounds']} rounds in one run of `python -m benchmarks.side_by_side`, on {gain['cores']} cores ({gain['processor']}), "
        f"{gain['threads']} threads."
    )


def format_augmentation(cost: dict) -> str:
    """Return by how much augmentation lengthens an epoch in each framework."""
    ratios = [
        f"{ratio['median']:.2f} in {framework} ({ratio['low']:.2f} to {ratio['high']:.2f})"
        for framework, ratio in cost["ratios"].items()
    ]
    return (
        f"Augmentation, all distortions at once, makes an epoch of the `cnn` longer by a factor of {', '.join(ratios)}: medians of "
        f"{cost['rounds']} rounds in one run of `python -m benchmarks.augmentation`."
    )


def format_race(race: dict) -> str:
    """Return who reaches the target after how long, each over the first of ours."""
    own = race["rows"]["torch"]["seconds"]["median"]
    lines = []
    for name, row in race["rows"].items():
        seconds, accuracy, epochs = row["seconds"], row["accuracy"], sorted(set(row["epochs"]))
        lines.append(
            f"| {f'{name} fast' if name in FRAMEWORKS else name} | {seconds['median']:.1f} ({seconds['low']:.1f} to {seconds['high']:.1f}) "
            f"| {seconds['median'] / own:.1f} | {' or '.join(map(str, epochs))} "
            f"| {100 * accuracy['mean']:.2f} ({100 * accuracy['low']:.2f} to {100 * accuracy['high']:.2f}) | {row['n_reached']} of {row['n']} |"
        )
    return "\n".join(
        [
            f"| who | training to {race['target']:.1%} (s) | over torch fast | epochs | test accuracy there % (range) | seeds that reached it |",
            "|---|---:|---:|---:|---:|---:|",
            *lines,
            "",
            "Median seconds (range) in one run of `python -m benchmarks.race`, imports and scoring left out, "
            f"on {race['cores']} cores ({race['processor']}), {race['threads']} threads.",
        ]
    )


def format_seeds(rows: list[dict]) -> str:
    """Return the accuracies over several seeds, and how long the trainings took."""
    lines = []
    for row in rows:
        accuracies, seconds = (
            [seed[key] for seed in row["seeds"]] for key in ("accuracy", "train_seconds")
        )
        name = row["run"] + format_changes(row["changes"])
        lines.append(
            f"| {TITLES[row['dataset']]} | {name} | {100 * mean(accuracies):.2f} ({100 * min(accuracies):.2f} to {100 * max(accuracies):.2f}) "
            f"| {len(accuracies)} | {row['recipe']['epochs']} | {min(seconds):.0f} to {max(seconds):.0f} | {row['seeds'][0]['parameters']:,} |"
        )
    return "\n".join(
        [
            "| data | run | test accuracy %, mean (range) | seeds | epochs | training (s) | parameters |",
            "|---|---|---:|---:|---:|---:|---:|",
            *lines,
        ]
    )


def format_changes(changes: dict) -> str:
    """Return " with epochs 10, augmentation shift 1, scale 0.1" for what a run's recipe had
    otherwise; nothing for nothing.
    """

    def text(value: Any) -> str:
        return (
            ", ".join(f"{key} {text(item)}" for key, item in value.items())
            if isinstance(value, dict)
            else str(value)
        )

    return f" with {text(changes)}" if changes else ""


def format_stand_in(worth: dict) -> str:
    """Return what the stand-in digits are worth."""
    accuracies = [run["accuracy_on_mnist"] for run in worth["runs"]]
    return (
        f"Trained on the stand-in alone, the {worth['run']} scores {100 * mean(accuracies):.2f} % on MNIST's {worth['n_test']:,} test images: "
        f"the mean of {len(accuracies)} seeds, from {100 * min(accuracies):.2f} to {100 * max(accuracies):.2f} % (`python -m benchmarks.stand_in`)."
    )


def format_engine(race: dict) -> str:
    """Return the engine's benchmark: for each architecture, every contender's speed over that of
    PyTorch's default, and its memory.
    """
    rows = []
    for architecture, contenders in race["training"].items():
        for name, row in contenders.items():
            base = contenders[
                "torch eager, 1 thread" if "1" in name.split(", ")[1] else "torch eager, 2 threads"
            ]["median"]
            rows.append(
                f"| {architecture} | {name} | {row['median']:,.0f} ({row['low']:,.0f} to {row['high']:,.0f}) | {row['median'] / base:.2f} "
                f"| {row['share_of_gemm']:.0%} | {row['peak_memory_bytes'] / 2**20:,.0f} |"
            )
    minimizers = [
        f"| {name} | {row['median']:.1f} ({row['low']:.1f} to {row['high']:.1f}) | {row['peak_memory_bytes'] / 2**20:,.0f} |"
        for name, row in race["minimizers"].items()
    ]
    return "\n".join(
        [
            "| architecture | who | training images/s (range) | over torch eager | share of SGEMM | peak memory (MiB) |",
            "|---|---|---:|---:|---:|---:|",
            *rows,
            "",
            f"Medians of {race['rounds']} interleaved rounds in one run of `python -m benchmarks.engine`, batch {race['batch_size']}, float32, on "
            f"{race['cores']} cores ({race['processor']}), Python {race['python']}; only ratios within the run mean anything. Torch eager is PyTorch"
            f" with its defaults, on the same number of threads. The share is of this machine's own SGEMM, {race['gemm_gflops']:.0f} GFLOP/s,"
            " counting the operations of the plain convolution.",
            "",
            f"The sigmoid network on the whole training split, to an objective of {race['objective']} nats, medians of"
            f" {race['minimizer_rounds']} rounds after a warm-up:",
            "",
            "| who | seconds (range) | peak memory (MiB) |",
            "|---|---:|---:|",
            *minimizers,
        ]
    )


def format_growth(growth: dict) -> str:
    """Return how cost grows: with the number of images, and with the number of runs."""
    measured_on = f"`python -m benchmarks.growth` on {growth['cores']} cores ({growth['processor']}), {growth['threads']} threads, one measurement each."
    return f"{format_growth_with_images(growth['images'])}\n\n{format_growth_with_runs(growth['runs'])} {measured_on}"


def format_growth_with_images(images: dict) -> str:
    """Return each stage's time as ratios and its memory, at each size of the data, and what bends
    first.
    """
    sizes, stages = images["times"], images["stages"]
    ratios = {
        stage: [seconds / row["seconds"][0] for seconds in row["seconds"]]
        for stage, row in stages.items()
    }
    shares = {stage: memory_share(row) for stage, row in stages.items()}
    rows = []
    for stage, row in stages.items():
        times = "".join(f" {ratio:.1f} |" for ratio in ratios[stage][1:])
        peaks = "".join(f" {peak / 2**20:,.0f} |" for peak in row["peak_memory_bytes"])
        rows.append(f"| {stage} | {row['seconds'][0]:.1f} |{times}{peaks} {shares[stage]:.1f} |")
    time_heads = "".join(f" time at {size} x |" for size in sizes[1:])
    memory_heads = "".join(f" MiB at {size} x |" for size in sizes)
    slowest, largest = (
        max(stages, key=lambda stage: ratios[stage][-1]),
        max(stages, key=lambda stage: shares[stage]),
    )
    return "\n".join(
        [
            f"| stage | s at {sizes[0]} x |{time_heads}{memory_heads} MiB more per MiB of arrays |",
            f"|---|{'---:|' * (2 * len(sizes) + 1)}",
            *rows,
            "",
            f"MNIST up to {sizes[-1]} times over ({60_000 * sizes[-1]:,} training and {10_000 * sizes[-1]:,} test images), a process a stage; "
            f"trainings of one epoch, `mlp_sigmoid` of {images['minimizer_iterations']} iterations. Time is over that at {sizes[0]} x, Python's "
            "start included. The last column is the growth of the peak over that of the arrays that the stage reads: 1 is the arrays themselves, "
            f"mapped from their files. Time bends first in {slowest}, {ratios[slowest][-1]:.1f} times as long at {sizes[-1]} x; memory in {largest}, "
            f"{shares[largest]:.1f} times the arrays. `pixels: kept` copies the kept pixels, and a minimizer's step holds the hidden layer of all "
            "images.",
        ]
    )


def format_growth_with_runs(runs: list[dict]) -> str:
    """Return what DVC and visualize cost with each number of runs, and what bends first."""
    columns = {
        "runs": lambda row: f"{row['n_runs']}",
        "dvc repro (s)": lambda row: f"{row['repro_seconds']:,.0f}",
        "of it DVC itself (s)": lambda row: f"{row['dvc_seconds']:,.1f}",
        "nothing to do (s)": lambda row: f"{row['no_op_seconds']:.1f}",
        "dvc status (s)": lambda row: f"{row['status_seconds']:.1f}",
        "visualize (s)": lambda row: f"{row['visualize_seconds']:,.0f}",
        "its memory (MiB)": lambda row: f"{row['visualize_peak_memory_bytes'] / 2**20:,.0f}",
        "figures (MiB)": lambda row: f"{row['figures_bytes'] / 2**20:.1f}",
        "report (MiB)": lambda row: f"{row['report_bytes'] / 2**20:.1f}",
    }
    first, last = runs[0], runs[-1]
    repro, dvc, drawing = (
        last[name] / first[name] for name in ("repro_seconds", "dvc_seconds", "visualize_seconds")
    )
    return "\n".join(
        [
            f"| {' | '.join(columns)} |",
            f"|{'---:|' * len(columns)}",
            *(f"| {' | '.join(show(row) for show in columns.values())} |" for row in runs),
            "",
            f"Linear models on 1,000 images, scored on 10,000, a stage each, on {' and '.join(sorted({row['measured_on'] for row in runs}))}; "
            "DVC's own is processor time. With "
            f"{last['n_runs'] / first['n_runs']:.0f} times the runs the repro takes {repro:.0f} times as long, DVC's part of it {dvc:.0f} times, "
            "as it writes all of `dvc.lock` after each stage, and visualize "
            f"{drawing:.0f} times: it compares every pair of runs, and draws one by one the best 50.",
        ]
    )


def memory_share(row: dict) -> float:
    """Return by how many bytes the peak memory grows with each byte of the arrays, from the
    smallest size to the largest.
    """
    peaks, arrays = row["peak_memory_bytes"], row["array_bytes"]
    return (peaks[-1] - peaks[0]) / (arrays[-1] - arrays[0])
