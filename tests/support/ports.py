"""Ports of this machine, for servers that tests start."""

import socket
import subprocess
import time
from typing import Any

import pytest


def free_port() -> int:
    """Return a port that no server listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for_port(port: int, server: subprocess.Popen[Any]) -> None:
    """Return once a server accepts connections; fail if it ends or takes more than 30 seconds."""
    for _ in range(300):
        assert server.poll() is None, "the server has ended"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server does not answer")
