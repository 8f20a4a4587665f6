"""Bring the pipeline up to date with several stages at a time: what `make run JOBS=n` does.

    python -m digits.pipeline.jobs --jobs 2

`dvc repro` runs one stage after another. Here each stage is a `dvc --wait-for-lock repro
--single-item STAGE` of its own, which DVC allows beside others, started as soon as those that it
needs have ended, the longest first. `threads` of params.yaml holds for each stage, for results
depend on it; so that n jobs do not crowd each other, each is kept to its share of the cores (on
Linux), and no more run than there are cores and memory for. Exit status 0: all is up to date; 1: a
stage failed; 130: stopped.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import IO

import networkx
import psutil
from dvc.exceptions import DvcException
from dvc.repo import Repo

from digits.base.files import read_json
from digits.errors import InputError, one_line_errors

# Seconds a stage, and the largest memory of any.
MEASURED = Path("benchmarks/results/pipeline.json")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Bring the pipeline up to date with several stages at a time."
    )
    parser.add_argument("--jobs", type=int, required=True, help="how many stages may run at a time")
    jobs = parser.parse_args().jobs
    if jobs < 1:
        raise InputError(f"--jobs is {jobs}; expected 1 or more")
    graph = stale_stages()
    if not graph:
        print("everything is up to date")
        return
    cores = usable_cores()
    fitting = min(jobs, len(cores), jobs_that_fit_memory(available_memory_bytes()))
    if fitting < jobs:
        print(
            f"{fitting} instead of {jobs} at a time: that is what {len(cores)} cores and the free memory are enough for"
        )
    sys.exit(run(graph, [cores[index::fitting] for index in range(fitting)]))


def stale_stages() -> dict[str, set[str]]:
    """Return the stages that are not up to date and all that come after them, each with those of
    them that it needs.
    """
    try:
        with Repo() as repo:
            changed = repo.status()
            graph = repo.index.graph  # an edge leads from a stage to one that it needs
            stale = {stage for stage in graph if stage.addressing in changed}
            stale = stale.union(*(networkx.ancestors(graph, stage) for stage in stale))
            return {
                stage.addressing: {
                    needed.addressing for needed in graph.successors(stage) if needed in stale
                }
                for stage in stale
            }
    except DvcException as error:
        raise InputError(str(error)) from None


def usable_cores() -> list[int]:
    """Return the numbers of the cores that this process may run on."""
    return (
        sorted(os.sched_getaffinity(0))
        if sys.platform == "linux"
        else list(range(os.cpu_count() or 1))
    )


def available_memory_bytes() -> int:
    """Return what processes may still take: of the machine's memory, and of a container's, where
    Linux limits it.
    """
    available = psutil.virtual_memory().available
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.exists() and used.exists() and limit.read_text().strip() != "max":
        available = min(available, int(limit.read_text()) - int(used.read_text()))
    return available


def jobs_that_fit_memory(available_bytes: int) -> int:
    """Return how many stages' memory is available, at least 1, if each took as much as the largest
    that was measured.
    """
    return max(1, available_bytes // read_json(MEASURED)["peak_memory_bytes"])


@dataclass
class Job:
    """A stage that runs: DVC's process, what it has printed, and which cores it is kept to."""

    stage: str
    process: subprocess.Popen
    log: IO[str]
    cores: list[int]
    started: float = field(default_factory=time.perf_counter)


def run(graph: dict[str, set[str]], shares: list[list[int]]) -> int:
    """Run the stages of {stage: those that it needs}, at most one on each share of the cores, and
    return the exit status.

    After a failure nothing new starts, and what runs goes on to its end; after a signal it is
    stopped.
    """
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: signals.append(number))
    seconds = read_json(MEASURED)["stage_seconds"]
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ready: list[str] = []
    running: list[Job] = []
    told: set[psutil.Process] = set()
    failed = False
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=lambda stage: -seconds.get(stage, 0))
        while ready and shares and not failed and not signals:
            # And it stays alone: nothing becomes ready before it ends.
            alone = not running and len(ready) == 1
            running.append(start(ready.pop(0), shares.pop(), alone))
        if not running:
            break
        time.sleep(0.1)
        if signals:
            stop(running, told, kill=len(signals) > 1)
        for job in [job for job in running if job.process.poll() is not None]:
            running.remove(job)
            shares.append(job.cores)
            sorter.done(job.stage)
            failed |= not report(job, stopped=bool(signals))
    if signals:
        print(
            "stopped; `make run` goes on: after the last finished stages, and within a training after its last finished epoch",
            file=sys.stderr,
        )
        return 130
    return int(failed)


def start(stage: str, cores: list[int], alone: bool) -> Job:
    """Start DVC on a stage, on these cores only unless nothing else runs."""
    print(f"{stage} ...", flush=True)
    log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", stage]
    # A process group of its own: Ctrl-C goes to this process alone, which stops the stages and lets
    # DVC finish its files.
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, process_group=0
    )
    if sys.platform == "linux" and not alone:
        # Before it starts a thread or a process, which inherit it.
        os.sched_setaffinity(process.pid, cores)
    return Job(stage, process, log, cores)


def stop(running: list[Job], told: set[psutil.Process], kill: bool) -> None:
    """Interrupt the stages' own processes, each once; DVC then ends by itself, and dvc.lock is
    never cut short. `kill`: end DVC too, at once.
    """
    for job in running:
        with contextlib.suppress(psutil.NoSuchProcess):
            job_process = psutil.Process(job.process.pid)
            started = job_process.children(recursive=True)
            for process in [job_process, *started] if kill else set(started) - told:
                process.send_signal(signal.SIGKILL if kill else signal.SIGINT)
                told.add(process)


def report(job: Job, stopped: bool) -> bool:
    """Print how a stage ended, its warnings, and if it failed all that it printed; return whether
    it ended well.
    """
    job.log.seek(0)
    printed = job.log.read()
    job.log.close()
    seconds = time.perf_counter() - job.started
    if job.process.returncode:
        print(f"{job.stage} {'stopped' if stopped else 'failed'} after {seconds:.1f} s", flush=True)
        if not stopped:
            print(printed, end="", file=sys.stderr, flush=True)
        return False
    warnings = [line for line in printed.splitlines() if line.startswith("warning: ")]
    done = f"{seconds:.1f} s" if f"Running stage '{job.stage}'" in printed else "up to date"
    print("\n".join([f"{job.stage} {done}", *warnings]), flush=True)
    return True


if __name__ == "__main__":
    with one_line_errors():
        main()
