"""The processes of a training end together."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from digits.training.launch import free_ports
from tests.support.paths import ROOT

START = """
import os, sys, time
sys.path.insert(0, {root!r})
from digits.errors import one_line_errors
from digits.training.launch import end_with_parent, peer_processes
with one_line_errors():
    if "OTHER" in os.environ:
        end_with_parent()
        {other}
    else:
        with peer_processes([{{"OTHER": "1"}}]):
            print("started", flush=True)
            time.sleep(60)
"""


def start(other: str) -> subprocess.Popen[str]:
    """Start two processes; the second executes `other`."""
    code = START.format(root=str(ROOT), other=other)
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True)


@pytest.mark.slow
def test_a_process_that_hangs_ends_when_another_fails():
    process = start("sys.exit('error: out of luck')")
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 1
    assert printed == (
        "error: rank 1 of 2 failed: error: out of luck; "
        "no output was written; run the stage again to resume\n"
    )


@pytest.mark.slow
def test_the_others_end_when_the_first_is_killed():
    process = start("time.sleep(60)")
    process.stdout.readline()
    (other,) = psutil.Process(process.pid).children()
    time.sleep(2)  # until it watches its parent
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    other.wait(timeout=30)


def test_free_ports_are_different_and_free():
    ports = free_ports(3)
    assert len(set(ports)) == 3
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
