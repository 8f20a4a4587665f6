"""A shared cache: what one machine pushed, another pulls and has nothing to run."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, Clone

S3_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(300):
        assert server.poll() is None, "the server has ended"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server does not answer")


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """An OpenSSH server: the remote's address and the environment of who may log in."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None:
        missing = "needs an SSH server; on Debian: apt-get install openssh-server"
        pytest.fail(missing) if os.environ.get("DIGITS_SSHD") == "required" else pytest.skip(missing)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd, if root runs it, locks its unprivileged half in
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    host_key, own_key, port = tmp_path / "host_key", home / ".ssh/id_ed25519", free_port()
    for key in (host_key, own_key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shutil.copy(f"{own_key}.pub", home / ".ssh/authorized_keys")
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {host_key}\nAuthorizedKeysFile {home}/.ssh/authorized_keys\nPidFile none\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nSubsystem sftp internal-sftp\n"
    )
    with subprocess.Popen([sshd, "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=subprocess.DEVNULL) as server:
        wait_for(port, server)
        (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port} {Path(f'{host_key}.pub').read_text()}")
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/remote", {"HOME": str(home)}
        server.terminate()


@pytest.fixture
def s3() -> Iterator[tuple[str, dict[str, str]]]:
    """moto's S3 server: the remote's address and the environment of who may log in."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_for(port, server)
        environment = S3_KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        create = "import boto3; boto3.client('s3').create_bucket(Bucket='bucket')"
        subprocess.run([sys.executable, "-c", create], env=ENVIRONMENT | environment, check=True)
        yield "s3://bucket/digits", environment
        server.terminate()


def push_and_clone(clone: Clone, url: str, target: Path, **environment: str) -> Clone:
    """Push all outputs to a remote, and return a fresh clone, with nothing in its cache."""
    clone.run("dvc", "remote", "add", "--default", "shared", url)
    clone.commit("A shared cache")
    clone.run("dvc", "push", **environment)
    clone.run("git", "clone", "-q", ".", str(target))
    return Clone(target)


def assert_nothing_is_left_to_run(elsewhere: Clone) -> None:
    assert elsewhere.repro() == set()
    assert "up to date" in elsewhere.run("dvc", "status")


def test_a_fresh_clone_pulls_from_a_folder_and_has_nothing_to_run(clone, tmp_path):
    elsewhere = push_and_clone(clone, str(tmp_path / "remote"), tmp_path / "elsewhere")
    elsewhere.run("dvc", "pull")
    assert_nothing_is_left_to_run(elsewhere)


@pytest.mark.parametrize("server", ["ssh", "s3"])
def test_a_fresh_clone_pulls_from_a_server_and_has_nothing_to_run(clone, tmp_path, request, server):
    url, environment = request.getfixturevalue(server)
    elsewhere = push_and_clone(clone, url, tmp_path / "elsewhere", **environment)
    elsewhere.run("dvc", "pull", **environment)
    assert_nothing_is_left_to_run(elsewhere)
