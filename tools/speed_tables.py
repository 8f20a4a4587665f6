"""Times and memory as Markdown: the pipeline, augmentation, and the engine beside others."""

from collections.abc import Iterator
from typing import Any

from digits.base.params import FRAMEWORKS
from tools.markdown import format_machine, format_mib, format_spread, format_table


def format_pipeline(timing: dict[str, Any]) -> str:
    """Return the pipeline's time, stage by stage; runs of one stage follow each other."""
    head = (
        f"{timing['total_seconds']:.0f} s from an empty cache on {format_machine(timing)}, "
        f"{timing['threads']} threads; {timing['no_op_seconds']:.1f} s without a change. "
        f"The largest process takes {format_mib(timing['peak_memory_bytes'])} MiB."
    )
    stages = {name: seconds for name, seconds in timing["stage_seconds"].items() if name != "DVC"}
    rows = [(name, f"{seconds:.1f}") for name, seconds in stages.items()]
    return f"{head}\n\n{format_table(('stage', 'seconds'), rows, 1)}"


def format_side_by_side(gain: dict[str, Any]) -> str:
    """Return how long the whole pipeline takes with several jobs, compared with one."""
    seconds = gain["seconds"]
    return (
        f"From an empty cache, without the run `best`, {gain['jobs']} jobs take "
        f"{format_spread(gain['ratio'], 2)} times as long as one stage after another: the median "
        f"of {gain['rounds']} rounds. The median times are {seconds['side by side']:.0f} s side by "
        f"side and {seconds['one after another']:.0f} s one after another, in one run of "
        f"`python -m benchmarks.side_by_side` on {format_machine(gain)}, {gain['threads']} threads."
    )


def format_augmentation(cost: dict[str, Any]) -> str:
    """Return by how much augmentation lengthens an epoch in each framework."""
    ratios = [
        f"{format_spread(ratio, 2)} times as long in {framework}"
        for framework, ratio in cost["ratios"].items()
    ]
    return (
        "Augmentation with every distortion at once lengthens an epoch of the `cnn`. An epoch "
        f"takes {', '.join(ratios)}. These are medians (and ranges) of {cost['rounds']} rounds in "
        f"one run of `python -m benchmarks.augmentation`, on {format_machine(cost)}."
    )


def format_portable(cost: dict[str, Any]) -> str:
    """Return what the limit to AVX2 costs in each framework, and whether it changes the models."""
    head = ["framework", "training time, portable / not", "same bytes with and without"]
    rows = [
        (
            framework,
            format_spread(row["ratio"], 2),
            "yes" if row["same_with_and_without"] else "no",
        )
        for framework, row in cost["rows"].items()
    ]
    every = all(row["same_every_time"] for row in cost["rows"].values())
    return (
        f"{format_table(head, rows, 1)}\n\n"
        f"Medians (and ranges) of {cost['rounds']} rounds of the run `{cost['run']}` in one run of "
        f"`python -m benchmarks.portable`, on {format_machine(cost)}. "
        f"Each way gave {'the same bytes' if every else 'other bytes'} in every round."
    )


def format_race(race: dict[str, Any]) -> str:
    """Return how long each contender takes to the target, also as a multiple of ours in torch."""
    head = [
        "recipe",
        f"training to {race['target']:.1%} (s)",
        "relative to torch fast",
        "epochs",
        "test accuracy % (range)",
        "seeds that reached the target",
    ]
    ours = race["rows"]["torch"]["seconds"]["median"]
    rows = [race_row(name, row, ours) for name, row in race["rows"].items()]
    return (
        f"{format_table(head, rows, 1)}\n\n"
        "Median seconds (range) in one run of `python -m benchmarks.race`, without imports and "
        f"scoring, on {format_machine(race)}, {race['threads']} threads."
    )


def race_row(name: str, row: dict[str, Any], ours: float) -> list[str]:
    """Return the cells of one contender; `ours` are the seconds of the fast run in torch."""
    accuracy = {key: 100 * value for key, value in row["accuracy"].items()}
    accuracy["median"] = accuracy.pop("mean")
    return [
        f"{name} fast" if name in FRAMEWORKS else name,
        format_spread(row["seconds"], 1),
        f"{row['seconds']['median'] / ours:.1f}",
        " or ".join(map(str, sorted(set(row["epochs"])))),
        format_spread(accuracy, 2),
        f"{row['n_reached']} of {row['n']}",
    ]


def format_engine(race: dict[str, Any]) -> str:
    """Return the engine's speed and memory beside those of the frameworks."""
    head = [
        "architecture",
        "implementation",
        "training images/s (range)",
        "relative to torch eager",
        "% of SGEMM throughput",
        "peak memory (MiB)",
    ]
    return (
        f"{format_table(head, engine_rows(race), 2)}\n\n"
        f"Medians of {race['rounds']} interleaved rounds in one run of "
        f"`python -m benchmarks.engine`, batch {race['batch_size']}, float32, on "
        f"{format_machine(race)}, Python {race['python']}. Only ratios within the run mean "
        "anything. Torch eager is PyTorch with its defaults, on the same number of threads. The "
        f"share is that of this machine's own SGEMM, {race['gemm_gflops']:.0f} GFLOP/s, if the "
        f"operations of the plain convolution are counted.\n\n{format_minimizers(race)}"
    )


def engine_rows(race: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the cells of each architecture's contenders."""
    for architecture, contenders in race["training"].items():
        for name, row in contenders.items():
            has_one_thread = "1" in name.split(", ")[1]
            eager = "torch eager, 1 thread" if has_one_thread else "torch eager, 2 threads"
            yield [
                architecture,
                name,
                format_spread(row, 0),
                f"{row['median'] / contenders[eager]['median']:.2f}",
                f"{row['share_of_gemm']:.0%}",
                format_mib(row["peak_memory_bytes"]),
            ]


def format_minimizers(race: dict[str, Any]) -> str:
    """Return how long each minimizer takes on the sigmoid network."""
    head = ["optimizer", "seconds (range)", "peak memory (MiB)"]
    rows = [
        (name, format_spread(row, 1), format_mib(row["peak_memory_bytes"]))
        for name, row in race["minimizers"].items()
    ]
    return (
        f"The sigmoid network on the whole training split, to an objective of {race['objective']} "
        f"nats: medians of {race['minimizer_rounds']} rounds after a warm-up.\n\n"
        f"{format_table(head, rows, 1)}"
    )
