"""A shared cache: what one machine pushed, another pulls and has nothing to run."""

import getpass
import hashlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.environment import ENVIRONMENT
from tests.support.ports import free_port, wait_for_port
from tests.support.programs import fail_or_skip

S3_KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def end(*connections: socket.socket) -> None:
    for connection in connections:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class Relay:
    """A way to a server on this machine that breaks once it has handed out so many bytes: all its
    connections end, and no new one is let in.
    """

    def __init__(self, server_port: int):
        self.server_port = server_port
        self.bytes_left = float("inf")
        self.broken = False
        self.connections: list[socket.socket] = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # closed
                return
            with self.lock:
                if self.bytes_left <= 0:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.server_port))
                for connection in (client, server):
                    # Else each of SFTP's small packets waits 40 ms.
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += [client, server]
            threading.Thread(target=self.forward, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.forward, args=(server, client, True), daemon=True).start()

    def forward(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(4096):
                with self.lock:
                    if counted and self.bytes_left < len(data):
                        self.break_off()
                        return
                    self.bytes_left -= len(data) * counted
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:  # one end is gone: so that the other one does not wait for it
            end(source, target)

    def break_off(self) -> None:
        self.bytes_left = 0
        self.broken = True
        end(*self.connections)
        self.connections.clear()


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[str, dict[str, str], Relay]]:
    """An OpenSSH server behind a relay: its address, the variables to log in, and the relay."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None:
        missing = "needs an SSH server; on Debian: apt-get install openssh-server"
        fail_or_skip("DIGITS_SSHD", missing)
    if os.getuid() == 0:
        # Where sshd, if root runs it, locks its unprivileged half in.
        Path("/run/sshd").mkdir(exist_ok=True)
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    host_key, own_key, port = tmp_path / "host_key", home / ".ssh/id_ed25519", free_port()
    for key in (host_key, own_key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shutil.copy(f"{own_key}.pub", home / ".ssh/authorized_keys")
    options = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": host_key,
        "AuthorizedKeysFile": home / ".ssh/authorized_keys",
        "PidFile": "none",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "UsePAM": "no",
        "StrictModes": "no",
        "Subsystem": "sftp internal-sftp",
    }
    lines = [f"{name} {value}\n" for name, value in options.items()]
    (tmp_path / "sshd_config").write_text("".join(lines))
    with subprocess.Popen(
        [sshd, "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=subprocess.DEVNULL
    ) as server:
        wait_for_port(port, server)
        relay = Relay(port)
        (home / ".ssh/known_hosts").write_text(
            f"[127.0.0.1]:{relay.port} {Path(f'{host_key}.pub').read_text()}"
        )
        yield (
            f"ssh://{getpass.getuser()}@127.0.0.1:{relay.port}{tmp_path}/remote",
            {"HOME": str(home)},
            relay,
        )
        relay.listener.close()
        server.terminate()


@pytest.fixture
def s3() -> Iterator[tuple[str, dict[str, str], Relay]]:
    """moto's S3 server behind a relay: its address, the variables to log in, and the relay."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        wait_for_port(port, server)
        relay = Relay(port)
        environment = S3_KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{relay.port}"}
        create = "import boto3; boto3.client('s3').create_bucket(Bucket='bucket')"
        subprocess.run([sys.executable, "-c", create], env=ENVIRONMENT | environment, check=True)
        yield "s3://bucket/digits", environment, relay
        relay.listener.close()
        server.terminate()


def push_and_clone(clone: Clone, url: str, target: Path, **environment: str) -> Clone:
    """Push all outputs to a remote, and return a fresh clone, with nothing in its cache."""
    clone.run("dvc", "remote", "add", "--default", "shared", url)
    clone.run("dvc", "remote", "modify", "shared", "verify", "true")
    clone.commit("A shared cache")
    clone.run("dvc", "push", **environment)
    clone.run("git", "clone", "-q", ".", str(target))
    return Clone(target)


def assert_nothing_is_left_to_run(elsewhere: Clone) -> None:
    assert elsewhere.repro() == set()
    assert "up to date" in elsewhere.run("dvc", "status")


@pytest.mark.slow
def test_a_fresh_clone_pulls_from_a_folder_and_has_nothing_to_run(clone, tmp_path):
    elsewhere = push_and_clone(clone, str(tmp_path / "remote"), tmp_path / "elsewhere")
    elsewhere.run("dvc", "pull")
    assert_nothing_is_left_to_run(elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["ssh", "s3"])
def test_a_fresh_clone_pulls_from_a_server_and_has_nothing_to_run(clone, tmp_path, request, server):
    url, environment, _ = request.getfixturevalue(server)
    elsewhere = push_and_clone(clone, url, tmp_path / "elsewhere", **environment)
    elsewhere.run("dvc", "pull", **environment)
    assert_nothing_is_left_to_run(elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["ssh", "s3"])
def test_after_a_connection_that_broke_the_next_pull_completes(clone, tmp_path, request, server):
    url, environment, relay = request.getfixturevalue(server)
    elsewhere = push_and_clone(clone, url, tmp_path / "elsewhere", **environment)
    files = (clone.path / ".dvc/cache/files").rglob("*")
    relay.bytes_left = sum(file.stat().st_size for file in files if file.is_file()) // 2
    # Where DVC goes on trying, it is interrupted, as one would.
    elsewhere.run(
        "timeout",
        "--signal",
        "INT",
        "--kill-after",
        "30",
        "60",
        "dvc",
        "pull",
        status=None,
        **environment,
    )
    assert relay.broken
    for file in (elsewhere.path / ".dvc/cache/files/md5").rglob("*"):
        # That of a file that DVC trusts from then on.
        if stat.S_IMODE(file.stat().st_mode) == 0o444:
            assert hashlib.md5(file.read_bytes()).hexdigest() == (
                file.parent.name + file.name
            ).removesuffix(".dir")
    relay.bytes_left = float("inf")
    elsewhere.run("dvc", "pull", **environment)
    assert_nothing_is_left_to_run(elsewhere)
