"""Bring the pipeline up to date with several stages at a time.

`dvc repro` runs one stage after another. This module starts `dvc --wait-for-lock repro
--single-item STAGE` for each stage, because DVC allows these commands side by side. A stage starts
when the stages that it depends on have ended, the longest first. Each stage uses `threads` of
params.yaml, because results depend on it. On Linux, each stage runs on its own share of the cores.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import IO

import networkx
import psutil
from dvc.exceptions import DvcException
from dvc.repo import Repo

from digits.errors import InputError
from digits.pipeline.capacity import (
    Cost,
    available_memory_bytes,
    count_fitting,
    read_cost,
    usable_cores,
)
from digits.pipeline.checkout import dvc_command, hash_code
from digits.pipeline.environment import completed

Graph = dict[str, set[str]]  # each stage, and the stages that it depends on
STOPPED = (
    "stopped; `make run` resumes after the last finished stages, and within a training after its"
    " last finished epoch"
)


@dataclass(frozen=True)
class Output:
    """The functions that print: `info` prints progress, `warn` prints errors."""

    info: Callable[[str], None]
    warn: Callable[[str], None]


@dataclass
class Job:
    """A running stage: DVC's process, its log, and the cores that it may use."""

    stage: str
    process: subprocess.Popen[bytes]
    log: IO[str]
    cores: list[int]
    started: float = field(default_factory=time.perf_counter)


def run_stale_stages(jobs: int, output: Output) -> int:
    """Run the stages that are not up to date, `jobs` at a time, and return the exit status.

    0: everything is up to date; 1: a stage failed; 130: stopped by a signal. Raises InputError if
    DVC cannot read the pipeline.
    """
    hash_code()
    graph = stale_stages()
    if not graph:
        output.info("everything is up to date")
        return 0
    costs = {stage: read_cost(stage) for stage in graph}
    cores = usable_cores()
    fitting = count_fitting(jobs, costs.values(), len(cores), available_memory_bytes())
    if fitting < jobs:
        output.info(
            f"running {fitting} instead of {jobs} stages at a time:"
            f" {len(cores)} cores and the free memory allow no more"
        )
    shares = [cores[index::fitting] for index in range(fitting)]
    return Crew(graph, costs, shares, output).run()


def stale_stages() -> Graph:
    """Return the stages that are not up to date, and all stages that depend on them."""
    try:
        with Repo() as repo:
            changed = repo.status()
            graph = repo.index.graph  # an edge leads from a stage to a dependency
            # Only the stages of this folder's dvc.yaml: subfolders may have other pipelines.
            stale = {stage for stage in graph if stage.addressing in changed}
            stale = stale.union(*(networkx.ancestors(graph, stage) for stage in stale))
            stale = {stage for stage in stale if stage.path_in_repo == "dvc.yaml"}
            return {
                stage.addressing: {
                    needed.addressing for needed in graph.successors(stage) if needed in stale
                }
                for stage in stale
            }
    except DvcException as error:
        raise InputError(str(error)) from None


class Crew:
    """Runs the stages of a graph, at most one on each share of the cores.

    After a failure the running stages finish, and no other stage starts. A signal stops the running
    stages.
    """

    def __init__(
        self, graph: Graph, costs: Mapping[str, Cost], shares: list[list[int]], output: Output
    ):
        self.costs, self.shares, self.output = costs, shares, output
        self.sorter = TopologicalSorter(graph)
        self.sorter.prepare()
        self.ready: list[str] = []
        self.running: list[Job] = []
        self.interrupted: set[psutil.Process] = set()
        self.has_failed = False

    def run(self) -> int:
        """Run all stages and return the exit status."""
        with caught_signals() as signals:
            while self.sorter.is_active():
                if not signals and not self.has_failed:
                    self.start_ready()
                if not self.running:
                    break
                time.sleep(0.1)
                if signals:
                    self.stop(kill=len(signals) > 1)
                self.collect_ended(is_stopped=bool(signals))
            if signals:
                self.output.warn(STOPPED)
                return 130
        return int(self.has_failed)

    def start_ready(self) -> None:
        """Start the stages with finished dependencies, the longest first, while shares are free."""
        self.ready += self.sorter.get_ready()
        self.ready.sort(key=lambda stage: -self.costs[stage].seconds)
        while self.ready and self.shares:
            # A stage that starts alone stays alone: no stage becomes ready before it ends.
            is_alone = not self.running and len(self.ready) == 1
            self.output.info(f"{self.ready[0]} ...")
            self.running.append(start(self.ready.pop(0), self.shares.pop(), is_alone))

    def collect_ended(self, is_stopped: bool) -> None:
        """Report the stages that have ended, and free their shares."""
        for job in [job for job in self.running if job.process.poll() is not None]:
            self.running.remove(job)
            self.shares.append(job.cores)
            self.sorter.done(job.stage)
            self.report(job, is_stopped)

    def report(self, job: Job, is_stopped: bool) -> None:
        """Print how a stage ended, and its warnings; if it failed, print all its output."""
        job.log.seek(0)
        printed = job.log.read()
        job.log.close()
        seconds = f"{time.perf_counter() - job.started:.1f} s"
        if job.process.returncode:
            self.has_failed = True
            self.output.info(f"{job.stage} {'stopped' if is_stopped else 'failed'} after {seconds}")
            if not is_stopped:
                self.output.warn(printed.rstrip("\n"))
            return
        has_run = f"Running stage '{job.stage}'" in printed
        self.output.info(f"{job.stage} {seconds if has_run else 'up to date'}")
        for line in printed.splitlines():
            if line.startswith("warning: "):
                self.output.info(line)

    def stop(self, kill: bool) -> None:
        """Interrupt the processes of the stages, each once; with `kill`, kill them and DVC.

        After an interrupt DVC ends by itself, so dvc.lock is never cut short.
        """
        for job in self.running:
            with contextlib.suppress(psutil.NoSuchProcess):
                dvc = psutil.Process(job.process.pid)
                started = dvc.children(recursive=True)
                for process in [dvc, *started] if kill else set(started) - self.interrupted:
                    process.send_signal(signal.SIGKILL if kill else signal.SIGINT)
                    self.interrupted.add(process)


@contextlib.contextmanager
def caught_signals() -> Iterator[list[int]]:
    """Yield the list of the stop signals that have arrived since the body began."""
    signals: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, lambda caught, _: signals.append(caught))
        for number in numbers
    }
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start(stage: str, cores: list[int], is_alone: bool) -> Job:
    """Start DVC on a stage, on these cores only unless it is alone."""
    log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    # DVC gets its own process group, so that Ctrl-C reaches only this process. This process stops
    # the stages and lets DVC finish its files.
    process = subprocess.Popen(
        dvc_command("--wait-for-lock", "repro", "--single-item", stage),
        env=completed(),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    if sys.platform == "linux" and not is_alone:
        # Set this before DVC starts a thread or a process: they inherit it.
        os.sched_setaffinity(process.pid, cores)
    return Job(stage, process, log, cores)
