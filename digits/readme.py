"""The measured parts of README.md, written from tracked files: no figure there is typed by hand.

python -m digits.readme
"""

import subprocess
import sys
from pathlib import Path
from statistics import mean

import pandas as pd

from digits.errors import InputError, one_line_errors
from digits.files import read_json, write_text
from digits.reporting.results import TITLES
from digits.reporting.tables import as_markdown

README = Path("README.md")


def main() -> None:
    text = README.read_text(encoding="utf-8")
    write_text(README, render(text, Path()))


def render(text: str, root: Path) -> str:
    """Return the README's text with what stands between each pair of markers, <!-- name --> and <!-- /name -->, made anew."""
    table = pd.read_csv(root / "plots/with_times/results.csv")
    if set(table["dataset"]) != {"mnist"}:
        raise InputError(f"plots/with_times/results.csv: is of {', '.join(set(table['dataset']))}; README.md shows results on mnist only")
    timing = read_json(root / "benchmarks/pipeline.json")
    contents = {
        "results": format_results(table),
        "graph": format_graph(root),
        "timing": format_timing(timing),
        "engine": format_engine(read_json(root / "benchmarks/engine.json")),
        "augmentation": format_augmentation(read_json(root / "benchmarks/augmentation.json")),
        "stand_in": format_stand_in(read_json(root / "benchmarks/stand_in.json")),
    }
    for name, content in contents.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise InputError(f"README.md: expected the markers <!-- {name} --> and <!-- /{name} --> once, in this order")
        text = text.split(begin)[0] + begin + content + end + text.split(end)[1]
    return text


def format_results(table: pd.DataFrame) -> str:
    """Return the results table with the machine and the versions that it was measured with."""
    first = table.iloc[0]
    libraries = "; ".join(sorted(set(table["library"])))
    return (
        f"{as_markdown(table)}\n\n"
        f"{TITLES[first['dataset']]}, all {first['n_samples']:,} test images, one training a row (n = 1), seed {first['seed']}. "
        f"The interval is that of the test set's sampling (Wilson, 95 %); what another seed would change is not in it. "
        f"Runs that share a letter under “alike” do not differ significantly at 5 % (McNemar's exact test on the same images, Holm's correction). "
        f"Training time leaves out Python's start and the scoring of the validation split.\n"
        f"Measured on {first['cores']} cores ({first['processor']}), {first['threads']} threads, Python {first['python']}; {libraries}."
    )


def format_graph(root: Path) -> str:
    """Return DVC's graph of the stages as a Mermaid diagram."""
    command = [sys.executable, "-m", "dvc", "dag", "--md", "--collapse-foreach-matrix"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def format_timing(timing: dict) -> str:
    """Return the pipeline's time, stage by stage; runs of one stage follow each other."""
    rows = [f"| {stage} | {seconds:.1f} |" for stage, seconds in timing["stage_seconds"].items() if stage != "DVC"]
    head = (
        f"{timing['total_seconds']:.0f} s from an empty cache on {timing['cores']} cores ({timing['processor']}), {timing['threads']} threads; "
        f"{timing['no_op_seconds']:.1f} s when there is nothing to do; no process took more than {timing['peak_memory_bytes'] / 2**20:,.0f} MiB."
    )
    return "\n".join([head, "", "| stage | seconds |", "|---|---:|", *rows])


def format_augmentation(cost: dict) -> str:
    """Return by how much augmentation lengthens an epoch in each framework."""
    ratios = [f"{ratio['median']:.2f} in {framework} ({ratio['low']:.2f} to {ratio['high']:.2f})" for framework, ratio in cost["ratios"].items()]
    return (
        f"Augmentation, all distortions at once, makes an epoch of the `cnn` longer by a factor of {', '.join(ratios)}: medians of "
        f"{cost['rounds']} rounds in one run of `python -m benchmarks.augmentation`."
    )


def format_stand_in(worth: dict) -> str:
    """Return what the stand-in digits are worth."""
    accuracies = [run["accuracy_on_mnist"] for run in worth["runs"]]
    return (
        f"Trained on the stand-in alone, the {worth['run']} scores {100 * mean(accuracies):.2f} % on MNIST's {worth['n_test']:,} test images: "
        f"the mean of {len(accuracies)} seeds, from {100 * min(accuracies):.2f} to {100 * max(accuracies):.2f} % (`python -m benchmarks.stand_in`)."
    )


def format_engine(race: dict) -> str:
    """Return the engine's benchmark: for each architecture, every contender's speed over that of PyTorch's default, and its memory."""
    rows = []
    for architecture, contenders in race["training"].items():
        for name, row in contenders.items():
            base = contenders["torch eager, 1 thread" if "1" in name.split(", ")[1] else "torch eager, 2 threads"]["median"]
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


if __name__ == "__main__":
    with one_line_errors():
        main()
