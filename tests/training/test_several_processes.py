"""Several processes train as one does, and end together."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import ENVIRONMENT, ROOT
from ruamel.yaml import YAML
from test_training import PREPROCESSING

from digits.backends.tf import network as backend_tf
from digits.backends.torch import network as backend_torch
from digits.base.files import read_split, write_json, write_split
from digits.errors import InputError
from digits.model.architecture import Weights
from digits.model.model_file import read_model
from digits.training.loop import check_same, train
from digits.training.params import Params, load_params
from digits.training.team import Team

BACKENDS = {"torch": backend_torch, "tf": backend_tf}
SGD = {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05}
ADAM = {"optimizer": "adam", "learning_rate": 0.001}
COMMON = {"initializer": "xavier", "schedule": "constant"}
# 51 images: the last mini-batch has 3 of 8, or 1 of 10. No max_pool, whose ties rounding decides.
ARCHITECTURES = {
    "with_batch_norm": [
        {"conv": {"filters": 4, "kernel_size": 4, "stride": 4, "padding": "valid"}}, "batch_norm", "sigmoid",
        "flatten", {"dense": {"units": 10}}, "batch_norm", "sigmoid", {"dense": {"units": 10}},
    ],
    "plain": [{"conv": {"filters": 4, "kernel_size": 4, "stride": 4, "padding": "valid"}}, "sigmoid", "flatten", {"dense": {"units": 10}}],
    "with_dropout": ["flatten", {"dense": {"units": 16}}, "relu", {"dropout": {"rate": 0.5}}, {"dense": {"units": 10}}],
}  # fmt: skip
RUNS = {
    "with_batch_norm": SGD
    | {"architecture": "with_batch_norm", "epochs": 2, "batch_size": 8, "l2": 0.01},
    "plain": SGD
    | {
        "architecture": "plain",
        "epochs": 2,
        "batch_size": 10,
        "l2": 0.01,
        "label_smoothing": 0.1,
        "augmentation": {"rotation": 9},
    },
    "with_dropout": ADAM | {"architecture": "with_dropout", "epochs": 24, "batch_size": 10},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A pipeline of small nets and few images, with two processes a training, before its trainings."""
    folder = tmp_path_factory.mktemp("pipeline")
    for name in ("digits", "stages", "requirements"):
        (folder / name).symlink_to(ROOT / name)
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    runs = {name: COMMON | run for name, run in RUNS.items()}
    params |= {
        "processes": 2,
        "architectures": params["architectures"] | ARCHITECTURES,
        "train_torch": runs,
        "train_tf": runs,
    }
    yaml.dump(params, folder / "params.yaml")
    write_json(folder / "data/processed/preprocessing.json", PREPROCESSING.model_dump())
    generator = np.random.default_rng(0)
    for split, n in (("train", 51), ("validation", 20)):
        write_split(
            folder / "data/processed" / split,
            generator.random((n, 28, 28), dtype=np.float32),
            generator.integers(0, 10, n),
        )
    return folder


def run_stage(
    folder: Path,
    framework: str,
    run: str,
    status: int = 0,
    launcher: tuple[str, ...] = (),
    **variables: str,
) -> str:
    """Train a run by its stage, assert the exit status, and return what it printed."""
    command = [sys.executable, *launcher, "-m", f"stages.train_{framework}", run]
    done = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == status, done.stderr
    return done.stderr


def weights_of(folder: Path, framework: str, run: str) -> Weights:
    return read_model(folder / "models" / framework / run / "model.safetensors").weights


def assert_as_one_process(folder: Path, framework: str, run: str) -> None:
    params: Params = load_params(folder / "params.yaml")
    splits = (
        read_split(folder / "data/processed/train"),
        read_split(folder / "data/processed/validation"),
    )
    model, recorder = train(BACKENDS[framework], framework, run, params, PREPROCESSING, *splits)
    found = weights_of(folder, framework, run)
    for name, expected in model.weights.items():
        # Fourteen steps in float32; Keras' batch_norm of several processes takes the variance as
        # E(x^2) - E(x)^2.
        np.testing.assert_allclose(found[name], expected, rtol=1e-3, atol=2e-5, err_msg=name)
    rows = [
        line.split(",")
        for line in (folder / f"models/{framework}/{run}/history.csv").read_text().splitlines()[1:]
    ]
    for (_, _, loss, accuracy), row in zip(rows, recorder.history, strict=True):
        assert float(loss) == pytest.approx(row["loss"], rel=1e-4)
        assert float(accuracy) == row["accuracy"]


@pytest.mark.parametrize("framework", BACKENDS)
def test_stage_with_two_processes_trains_as_one_does_batch_norm_included(folder, framework):
    printed = run_stage(folder, framework, "with_batch_norm")
    assert printed.count("epoch 2/2") == 1
    assert_as_one_process(folder, framework, "with_batch_norm")
    times = json.loads((folder / f"models/times/{framework}/with_batch_norm.json").read_text())
    assert (times["processes"], times["device"]) == (2, "cpu")
    # Of both: what a framework takes when imported.
    assert times["peak_memory_bytes"] > 2 * 150 * 2**20


def test_torchrun_starts_it_too(folder):
    launcher = (
        "-W",
        "ignore",
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "3",
    )
    printed = run_stage(folder, "torch", "plain", launcher=launcher)
    assert printed.count("epoch 2/2") == 1
    assert_as_one_process(folder, "torch", "plain")


def test_tf_config_starts_it_too(folder):
    workers = [f"127.0.0.1:{port}" for port in (23871, 23872)]
    configs = [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": k}})
        for k in range(2)
    ]
    command = [sys.executable, "-m", "stages.train_tf", "plain"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=ENVIRONMENT | {"TF_CONFIG": configs[1]},
        stderr=subprocess.PIPE,
        text=True,
    ) as other:
        printed = run_stage(folder, "tf", "plain", TF_CONFIG=configs[0])
        assert "epoch" not in other.stderr.read()
    assert other.returncode == 0
    assert printed.count("epoch 2/2") == 1
    assert_as_one_process(folder, "tf", "plain")


@pytest.mark.parametrize("framework", BACKENDS)
def test_a_killed_process_ends_the_others_and_the_next_run_goes_on_to_the_same_bytes(
    folder, framework
):
    run_stage(folder, framework, "with_dropout")
    model = folder / "models" / framework / "with_dropout/model.safetensors"
    undisturbed = model.read_bytes()
    model.unlink()
    command = [sys.executable, "-m", f"stages.train_{framework}", "with_dropout"]
    lines = []
    with subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            lines.append(line)
            if "epoch 2/" in line:
                (other,) = psutil.Process(process.pid).children()
                other.kill()
                killed = time.monotonic()
    # 5 of them to give a framework the time to notice by itself, the rest for a busy machine.
    assert time.monotonic() - killed < 20
    assert process.returncode == 1
    errors = [line for line in lines if line.startswith("error: ")]
    assert errors == [
        "error: process 1 of 2 was killed by SIGKILL; nothing was written; run it again to go on after the last finished epoch\n"
    ]
    assert "Traceback" not in "".join(lines)
    assert not model.exists()
    assert "goes on after epoch" in run_stage(folder, framework, "with_dropout")
    assert model.read_bytes() == undisturbed


START = """
import os, sys, time
sys.path.insert(0, {root!r})
from digits.errors import one_line_errors
from digits.training.launch import end_with_parent, other_processes
with one_line_errors():
    if "OTHER" in os.environ:
        end_with_parent()
        {other}
    else:
        with other_processes([{{"OTHER": "1"}}]):
            print("started", flush=True)
            time.sleep(60)
"""


def start(other: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", START.format(root=str(ROOT), other=other)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_is_stuck_ends_when_another_fails():
    process = start("sys.exit('error: no such luck')")
    _, printed = process.communicate(timeout=30)
    assert process.returncode == 1
    assert (
        printed
        == "error: process 1 of 2 failed: error: no such luck; nothing was written; run it again to go on after the last finished epoch\n"
    )


def test_the_others_end_when_the_first_is_killed():
    process = start("time.sleep(60)")
    process.stdout.readline()
    (other,) = psutil.Process(process.pid).children()
    time.sleep(2)  # until it watches its parent
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    other.wait(timeout=30)


@pytest.mark.parametrize(("n", "size"), [(8, 1), (8, 2), (8, 3), (3, 2), (3, 3)])
def test_shares_are_the_whole_batch_once_and_none_is_empty(n, size):
    shares = [Team(rank, size).share(np.arange(n)) for rank in range(size)]
    assert np.concatenate([part for part, _ in shares]).tolist() == list(range(n))
    assert all(len(part) and n_copies == 1 for part, n_copies in shares)


def test_a_batch_with_fewer_samples_than_processes_goes_to_all():
    for rank in range(3):
        part, n_copies = Team(rank, 3).share(np.arange(2))
        assert (part.tolist(), n_copies) == ([0, 1], 3)


def test_dropout_has_the_seed_itself_in_the_first_process_and_others_elsewhere():
    assert Team().seed(7) == 7
    assert len({Team(rank, 3).seed(7) for rank in range(3)}) == 3


@pytest.mark.parametrize(
    ("threads", "n_here", "expected"), [(2, 1, 2), (2, 2, 1), (8, 3, 2), (2, 4, 1)]
)
def test_processes_share_the_threads(threads, n_here, expected):
    assert Team(0, n_here, n_here).threads(threads) == expected


def test_machines_with_other_data_are_refused():
    class Others(Team):
        def gather(self, array):
            return np.stack([array, array + 1])

    check_same(Team(), "ab" * 32)
    with pytest.raises(
        InputError, match="process 1 of 2 has other parameters, data or code than process 0"
    ):
        check_same(Others(0, 2), "ab" * 32)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"index": 3}}']
)
def test_a_tf_config_that_is_none_is_refused(monkeypatch, text):
    from digits.backends.tf.distributed import read_team

    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=r"TF_CONFIG is .*; expected a text like"):
        read_team(2, "cpu")
