"""`digits tune` as its users see it: errors, Ctrl-C, and --help."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from digits.errors import InputError
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT
from tests.support.studies import MLP, RUNNING, SPACE, outcomes, search, start, trials, wait_for


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["mlp"],
            "the run is 'mlp'; expected FRAMEWORK/RUN with FRAMEWORK one of: torch, tf, scratch",
        ),
        (["scratch/nope"], "params.yaml: train_scratch has no run 'nope'; expected one of: "),
        (["scratch/no pe"], "params.yaml: train_scratch has no run 'no pe'; expected one of: "),
        ([MLP, "--trials", "0"], "--trials is 0; expected 1 or more"),
        ([MLP, "--study", "../mine"], "--study is '../mine'; expected letters, digits, _ and -"),
        ([MLP, "--try", "lr=1,2"], "--try: train_scratch.mlp has the unknown key 'lr'"),
        (["scratch/mlp_sigmoid"], "train_scratch.mlp_sigmoid has no learning_rate; name what to"),
    ],
)
def test_bad_input_is_an_error(workspace, arguments, complaint):
    with pytest.raises(InputError) as caught:
        search(*arguments)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("storage", "error"),
    [
        ("nodb://me:secret@host/db", "NoSuchModuleError: "),
        ("missing/study.log", "FileNotFoundError: "),
        ("params.yaml", ""),
    ],
)
def test_a_storage_that_cannot_be_opened_is_an_error_of_one_line(workspace, storage, error):
    process = start(MLP, "--storage", storage)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert err.startswith(f"error: the study scratch/mlp cannot be opened: {error}")
    assert err.endswith("; see --storage\n")
    assert "secret" not in err


def test_a_storage_that_fails_later_is_an_error(workspace, monkeypatch):
    def failing_next_trial(*arguments):
        raise OperationalError("SELECT 1", {}, Exception("the server is gone"))

    monkeypatch.setattr("digits.tuning.session.next_trial", failing_next_trial)
    with pytest.raises(InputError, match=r"^the study's storage failed: .*the server is gone"):
        search(MLP, *SPACE)


def test_a_study_with_an_unfinished_last_line_goes_on(workspace):
    search(MLP, *SPACE, "--trials", 1)
    log = Path("tuning/scratch/mlp/study.log")
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"op_code": 5, "worker')
    search(MLP, "--trials", 2)
    assert log.read_bytes().startswith(whole + b'{"op_code"')
    assert len(trials()) == 2


def test_a_damaged_line_of_a_study_is_an_error_and_loses_nothing(workspace):
    search(MLP, *SPACE, "--trials", 1)
    log = Path("tuning/scratch/mlp/study.log")
    lines = log.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1][:10] + b"\n"
    log.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=r"cannot be opened: JSONDecodeError: .*; see --storage"):
        search(MLP, "--trials", 2)
    assert log.read_bytes() == b"".join(lines)


def test_a_file_that_is_no_study_keeps_its_last_line(workspace):
    Path("notes.txt").write_text("two\nlines")
    with pytest.raises(InputError, match="cannot be opened"):
        search(MLP, "--storage", "notes.txt")
    assert Path("notes.txt").read_text() == "two\nlines"


def test_the_lock_of_a_killed_process_does_not_stay(workspace, monkeypatch):
    monkeypatch.setattr("digits.tuning.study.LOCK_SECONDS", 3)
    search(MLP, *SPACE, "--trials", 1)
    log = Path("tuning/scratch/mlp/study.log").absolute()
    Path(f"{log}.lock").symlink_to(log)
    search(MLP, "--trials", 2)
    assert len(trials()) == 2


def test_a_drive_that_refuses_locks_stops_no_study(workspace, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refused)
    search(MLP, *SPACE, "--trials", 1)
    assert len(trials()) == 1


@pytest.mark.slow
def test_a_stopped_study_resumes_and_finds_what_an_undisturbed_one_does(workspace):
    space = (*SPACE, "--try", "epochs=200")
    search(MLP, *space, "--trials", 4, "--study", "undisturbed")
    process = start(MLP, *space, "--trials", 4, "--study", "stopped")
    wait_for(lambda: Path("tuning/stopped/study.log").exists() and len(trials("stopped")) > 1)
    # During a training: while a process forks, Python swallows a KeyboardInterrupt.
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    message = "stopped; the same command resumes after the last finished trial"
    assert err.splitlines()[-1] == message
    assert "Traceback" not in err
    assert RUNNING not in {trial.state for trial in trials("stopped")}
    assert len(outcomes("stopped")) < 4
    search(MLP, "--trials", 4, "--study", "stopped")
    assert outcomes("stopped") == outcomes("undisturbed")


def test_help_shows_all_options_and_imports_neither_optuna_nor_torch():
    code = (
        "import sys; from digits.cli import main\n"
        "try: main(['tune', '--help'])\n"
        "finally: print('optuna' in sys.modules, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    for option in ("--try KEY=VALUES", "--trials", "--study", "--storage", "--write"):
        assert option in done.stdout
    assert done.stdout.splitlines()[-1] == "False False False"
