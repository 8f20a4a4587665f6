"""Several processes train as one does."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from ruamel.yaml import YAML

from digits.base.files import write_json, write_split
from digits.errors import InputError
from digits.model.model_file import load_model
from digits.training.backend import load_backend
from digits.training.launch import free_ports
from digits.training.loop import load_data, train
from digits.training.run import load_run
from tests.support.environment import ENVIRONMENT
from tests.support.models import PREPROCESSING
from tests.support.paths import ROOT, SMALL_PARAMS

FRAMEWORKS = ("torch", "tf")
SGD = {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05}
ADAM = {"optimizer": "adam", "learning_rate": 0.001}
COMMON = {"initializer": "xavier", "schedule": "constant"}
CONV = {"conv": {"filters": 4, "kernel_size": 4, "stride": 4, "padding": "valid"}}
DENSE_10 = {"dense": {"units": 10}}
DROPOUT = {"dropout": {"rate": 0.5}}
# No max_pool: rounding decides its ties.
ARCHITECTURES = {
    "with_batch_norm": [
        CONV, "batch_norm", "sigmoid", "flatten", DENSE_10, "batch_norm", "sigmoid", DENSE_10,
    ],
    "plain": [CONV, "sigmoid", "flatten", DENSE_10],
    "with_dropout": ["flatten", {"dense": {"units": 16}}, "relu", DROPOUT, DENSE_10],
}  # fmt: skip
# Of 51 images, the last mini-batch has 3 of 8, or 1 of 10.
N_TRAIN = 51
AUGMENTED = {"label_smoothing": 0.1, "augmentation": {"rotation": 9}}
RUNS = {
    "with_batch_norm": SGD | {"epochs": 2, "batch_size": 8, "l2": 0.01},
    "plain": SGD | {"epochs": 2, "batch_size": 10, "l2": 0.01} | AUGMENTED,
    "with_dropout": ADAM | {"epochs": 24, "batch_size": 10},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A pipeline of small networks before its trainings, with two processes for each."""
    folder = tmp_path_factory.mktemp("pipeline")
    for name in ("digits", "stages", "requirements"):
        (folder / name).symlink_to(ROOT / name)
    yaml = YAML()
    params = yaml.load(SMALL_PARAMS)
    runs = {name: COMMON | {"architecture": name} | run for name, run in RUNS.items()}
    params |= {"processes": 2, "architectures": ARCHITECTURES}
    params |= {"train_torch": runs, "train_tf": runs}
    yaml.dump(params, folder / "params.yaml")
    processed = folder / "data/processed"
    write_json(processed / "preprocessing.json", PREPROCESSING.model_dump())
    generator = np.random.default_rng(0)
    for split, n in (("train", N_TRAIN), ("validation", 20)):
        images = generator.random((n, 28, 28), dtype=np.float32)
        write_split(processed / split, images, generator.integers(0, 10, n))
    return folder


def stage_command(framework: str, run: str, *launcher: str) -> list[str]:
    return [sys.executable, *launcher, "-m", f"stages.train_{framework}", run]


def run_stage(folder: Path, command: list[str], **variables: str) -> str:
    """Train a run by its stage, assert that it succeeds, and return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def assert_as_one_process(folder: Path, framework: str, run: str) -> None:
    """Assert that what the stage wrote is what one process trains here."""
    alone = replace(load_run(framework, run, folder / "params.yaml"), processes=1)
    model, recorder = train(load_backend(framework), alone, load_data(folder / "data/processed"))
    written = folder / "models" / framework / run
    weights = load_model(written).weights
    for name, expected in model.weights.items():
        # Fourteen steps in float32. Keras' batch_norm of several processes takes the variance as
        # E(x^2) - E(x)^2.
        np.testing.assert_allclose(weights[name], expected, rtol=1e-3, atol=2e-5, err_msg=name)
    rows = [line.split(",") for line in (written / "history.csv").read_text().splitlines()[1:]]
    for (*_, loss, accuracy), row in zip(rows, recorder.history, strict=True):
        assert float(loss) == pytest.approx(row["loss"], rel=1e-4)
        assert float(accuracy) == row["accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_two_processes_train_as_one_with_batch_norm(folder, framework):
    printed = run_stage(folder, stage_command(framework, "with_batch_norm"))
    assert printed.count("epoch 2/2") == 1
    assert_as_one_process(folder, framework, "with_batch_norm")
    times = json.loads((folder / f"timings/{framework}/with_batch_norm.json").read_text())
    assert (times["processes"], times["device"]) == (2, "cpu")
    # Both processes: a framework takes more than 150 MiB when it is imported.
    assert times["peak_memory_bytes"] > 2 * 150 * 2**20


@pytest.mark.slow
def test_torchrun_starts_it_too(folder):
    launcher = ["-W", "ignore", "-m", "torch.distributed.run"]
    launcher += ["--standalone", "--nproc-per-node", "3"]
    printed = run_stage(folder, stage_command("torch", "plain", *launcher))
    assert printed.count("epoch 2/2") == 1
    assert_as_one_process(folder, "torch", "plain")


@pytest.mark.slow
def test_tf_config_starts_it_too(folder):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    configs = []
    for rank in range(2):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": rank}}
        configs.append({"TF_CONFIG": json.dumps(config)})
    command = stage_command("tf", "plain")
    with subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT | configs[1], stderr=subprocess.PIPE, text=True
    ) as other:
        printed = run_stage(folder, command, **configs[0])
        assert "epoch" not in other.stderr.read()
    assert other.returncode == 0
    assert printed.count("epoch 2/2") == 1
    assert_as_one_process(folder, "tf", "plain")


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_killed_process_ends_the_others_and_the_next_run_resumes_to_the_same_bytes(
    folder, framework
):
    command = stage_command(framework, "with_dropout")
    run_stage(folder, command)
    model = folder / "models" / framework / "with_dropout/model.safetensors"
    undisturbed = model.read_bytes()
    model.unlink()
    lines, seconds = kill_a_peer(folder, command)
    # 5 of them for a framework to notice by itself, the rest for a busy machine.
    assert seconds < 20
    expected = "no output was written; run the stage again to resume"
    assert [line for line in lines if line.startswith("error: ")] == [
        f"error: rank 1 of 2 was killed by SIGKILL; {expected}\n"
    ]
    assert "Traceback" not in "".join(lines)
    assert not model.exists()
    assert "resumes after epoch" in run_stage(folder, command)
    assert model.read_bytes() == undisturbed


def kill_a_peer(folder: Path, command: list[str]) -> tuple[list[str], float]:
    """Kill a stage's other process after its second epoch.

    Return what the stage printed, and its seconds after the kill. Assert that it fails.
    """
    lines, killed = [], 0.0
    with subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            lines.append(line)
            if "epoch 2/" in line:
                (other,) = psutil.Process(process.pid).children()
                other.kill()
                killed = time.monotonic()
    assert process.returncode == 1
    return lines, time.monotonic() - killed


@pytest.mark.slow
def test_a_proxy_does_not_come_between_the_processes(folder):
    proxy = dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy"), "http://127.0.0.1:9")
    printed = run_stage(folder, stage_command("tf", "plain"), **proxy)
    assert printed.count("epoch 2/2") == 1


CHIEF_AND_WORKER = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
CLUSTERS = {
    "workers": ({"worker": ["a:1", "b:1"]}, {"type": "worker", "index": 1}, (["a:1", "b:1"], 1)),
    "a chief": (CHIEF_AND_WORKER, {"type": "chief", "index": 0}, (["a:1", "b:1", "c:1"], 0)),
    "its worker": (CHIEF_AND_WORKER, {"type": "worker", "index": 1}, (["a:1", "b:1", "c:1"], 2)),
    "a master": ({"master": ["a:1"]}, {"type": "master", "index": 0}, (["a:1"], 0)),
    "a mapping": (
        {"worker": {"1": "b:1", "0": "a:1"}}, {"type": "worker", "index": 0}, (["a:1", "b:1"], 0)
    ),
    "a text as index": ({"worker": ["a:1"]}, {"type": "worker", "index": "0"}, (["a:1"], 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", CLUSTERS)
def test_tf_config_names_the_ranks_and_the_chief_is_the_first(monkeypatch, name):
    from digits.backends.tf.distributed import read_cluster

    cluster, task, expected = CLUSTERS[name]
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert read_cluster() == expected


@pytest.mark.parametrize("text", ["", "{}", '{"cluster": {}}', '{"cluster": {}, "task": {}}'])
def test_tf_config_without_a_cluster_is_none(monkeypatch, text):
    from digits.backends.tf.distributed import read_cluster

    monkeypatch.setenv("TF_CONFIG", text)
    assert read_cluster() is None


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_launcher_of_one_process_has_one(folder, framework):
    config = {"cluster": {"chief": ["host:2222"]}, "task": {"type": "chief", "index": 0}}
    variables = {"TF_CONFIG": json.dumps(config)}
    if framework == "torch":
        variables = {"RANK": "0", "WORLD_SIZE": "1"}
    run_stage(folder, stage_command(framework, "plain"), **variables)
    times = json.loads((folder / f"timings/{framework}/plain.json").read_text())
    assert times["processes"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}, "task": {"index": 3}}',
        '{"cluster": {"worker": {"1": "a:1"}}, "task": {"type": "worker", "index": 1}}',
        '{"sparseCluster": {"worker": {"0": "a:1"}}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": 3}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_faulty_tf_config_is_one_line(monkeypatch, text):
    from digits.backends.tf.distributed import read_cluster

    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(
        InputError, match=r"TF_CONFIG is .*; expected all processes, in a text like"
    ):
        read_cluster()


@pytest.mark.parametrize(
    ("cluster", "kind", "message"),
    [
        ({"worker": ["a:1"], "ps": ["b:1"]}, "worker", "has parameter servers; expected only"),
        ({"worker": ["a:1"]}, "evaluator", "has the task 'evaluator'; expected only"),
    ],
)  # fmt: skip
def test_tf_config_with_other_tasks_is_one_line(monkeypatch, cluster, kind, message):
    from digits.backends.tf.distributed import read_cluster

    config = {"cluster": cluster, "task": {"type": kind, "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(InputError, match=message):
        read_cluster()


TORCHRUN = {
    "RANK": "1",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "host",
    "MASTER_PORT": "29500",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
}


@pytest.mark.parametrize("missing", [name for name in TORCHRUN if name != "MASTER_ADDR"])
def test_a_missing_variable_of_a_launcher_is_one_line(monkeypatch, missing):
    from digits.backends.torch.distributed import launched_size

    for name in TORCHRUN.keys() - {missing}:
        monkeypatch.setenv(name, TORCHRUN[name])
    with pytest.raises(InputError, match=f"but no {missing}; a launcher such as torchrun sets"):
        launched_size()


def test_a_local_rank_alone_is_one_line(monkeypatch):
    from digits.backends.torch.distributed import launched_size

    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(
        InputError, match=r"has LOCAL_RANK, but no RANK.*; without one, unset LOCAL_RANK"
    ):
        launched_size()


def test_a_rank_that_is_no_number_is_one_line(monkeypatch):
    from digits.backends.torch.distributed import launched_size

    for name, value in (TORCHRUN | {"RANK": "first"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"^RANK is 'first'; expected a whole number$"):
        launched_size()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"MASTER_ADDR": "host", "MASTER_PORT": "29500"}, None),
        ({"RANK": "0", "WORLD_SIZE": "1"}, 1),
        (TORCHRUN, 2),
        ({name: TORCHRUN[name] for name in list(TORCHRUN)[:4]}, 2),
    ],
    ids=["none", "a master only", "one process", "torchrun", "one process on each machine"],
)
def test_a_launcher_is_recognised_by_its_variables(monkeypatch, variables, expected):
    from digits.backends.torch.distributed import launched_size

    for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "removed in the end")
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launched_size() == expected
    if expected == 2:
        local = (
            TORCHRUN if "LOCAL_RANK" in variables else {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
        )
        assert {name: os.environ[name] for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE")} == {
            name: local[name] for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE")
        }
