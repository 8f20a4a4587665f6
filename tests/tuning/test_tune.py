"""`python -m digits.commands.tune`: a study on small digits, alone and in two processes, stopped,
killed and gone on with. There is no test split here.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import optuna
import pytest
from conftest import ENVIRONMENT, ROOT, free_port
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from PIL import Image

from digits.base.files import write_json, write_split
from digits.commands import tune
from digits.datasets.fetch import fetch
from digits.errors import InputError
from digits.preprocessing.apply import Preprocessing, normalize
from digits.training.params import load_params
from digits.tuning.study import open_study

COMPLETE, PRUNED, FAIL, RUNNING = (
    TrialState.COMPLETE,
    TrialState.PRUNED,
    TrialState.FAIL,
    TrialState.RUNNING,
)
SPACE = ["--try", "learning_rate=0.01..0.2:log", "--try", "batch_size=16,32"]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder with params.yaml, whose trainings have two epochs, and data/processed without the
    test split.
    """
    folder = tmp_path_factory.mktemp("prepared")
    text = (ROOT / "params.yaml").read_text()
    (folder / "params.yaml").write_text(re.sub(r"epochs: \d+", "epochs: 2", text))
    images, labels = fetch("uci_digits", None, folder).splits["train"]
    samples = normalize(images[:400], 0.0, 255.0), labels[:400]
    for name, part in {"train": slice(300), "validation": slice(300, 400)}.items():
        write_split(folder / "data/processed" / name, *(array[part] for array in samples))
    preprocessing = Preprocessing(
        dataset="uci_digits",
        class_names=list("0123456789"),
        normalization="zero_one",
        mean=0.0,
        std=255.0,
        kept_pixels=list(range(784)),
    )
    write_json(folder / "data/processed/preprocessing.json", preprocessing.model_dump())
    return folder


@pytest.fixture
def project(prepared, tmp_path, monkeypatch):
    """A copy of the prepared folder, in which the test runs."""
    shutil.copytree(prepared, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return Path()


def search(monkeypatch, *arguments) -> None:
    """Run the command in this process."""
    monkeypatch.setattr(sys, "argv", ["tune", *map(str, arguments)])
    tune.main()


def start(*arguments, python=("-m", "digits.commands.tune")) -> subprocess.Popen:
    """Start the command in a process of its own."""
    command = [sys.executable, *python, *map(str, arguments)]
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_together(*arguments) -> list[subprocess.Popen]:
    """Start the command in two processes, neither of which begins before both have imported what
    they need.
    """
    gated = "import sys; from digits import backend_scratch, tune; print('ready', flush=True); sys.stdin.readline(); tune.main()"
    processes = [start(*arguments, python=("-c", gated)) for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == ["ready\n", "ready\n"]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return processes


def trials(study="scratch/mlp", storage=None):
    if storage and "://" in storage:
        kept = RDBStorage(storage)
        found = optuna.load_study(storage=kept, study_name=study).get_trials()
        kept.remove_session()
        kept.engine.dispose()
        return found
    return open_study(storage, study, Path("tuning") / study).get_trials()


def outcomes(study="scratch/mlp"):
    """Return what the trials that did not fail drew, how they ended and with which accuracies, in
    the order of their places.
    """
    ended = sorted(
        (trial for trial in trials(study) if trial.state != FAIL),
        key=lambda trial: trial.user_attrs["place"],
    )
    return [(trial.params, trial.state, trial.value, trial.intermediate_values) for trial in ended]


def wait_for(condition, seconds=300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_study_begins_with_the_run_and_keeps_to_its_space(project, monkeypatch, capsys):
    search(monkeypatch, "scratch/mlp", *SPACE, "--try", "epochs=1..2", "--trials", 4)
    (first, *_), found = trials(), capsys.readouterr().out.splitlines()
    own = load_params().recipe("scratch", "mlp")
    assert first.params == {
        "learning_rate": own.learning_rate,
        "epochs": own.epochs,
        "batch_size": first.params["batch_size"],
    }
    for trial in trials():
        assert trial.state == COMPLETE
        assert len(trial.intermediate_values) == trial.params["epochs"]
        assert trial.value == trial.intermediate_values[trial.params["epochs"]]
        assert 0.01 <= trial.params["learning_rate"] <= 0.2
    assert len(found) == 5
    for number, line in enumerate(found[:4]):
        assert re.fullmatch(
            rf"{number + 1}/4 trial {number}: learning_rate [\d.]+, batch_size (16|32), epochs [12]: "
            r"validation accuracy 0\.\d{4}; best 0\.\d{4} \(trial \d\)",
            line,
        )
    best = max(trials(), key=lambda trial: trial.value)
    assert found[4].startswith(f"best: trial {best.number}: ")
    assert found[4].endswith(f"validation accuracy {best.value:.4f}")


def test_the_same_command_finds_the_same_twice(project, monkeypatch):
    for study in ("one", "two"):
        search(monkeypatch, "scratch/mlp", *SPACE, "--trials", 12, "--study", study)
    assert outcomes("one") == outcomes("two")
    assert len({trial.params["learning_rate"] for trial in trials("one")}) == 12


def test_a_training_is_what_the_train_stage_makes_of_the_same_recipe(project, monkeypatch):
    search(monkeypatch, "scratch/mlp", "--try", "learning_rate=0.1", "--trials", 1)
    params = load_params()
    _, *splits = data = tune.read_data()
    _, recorder = tune.train(
        tune.import_module("digits.backends.scratch.network"),
        "scratch",
        "mlp",
        params,
        data[0],
        *splits,
    )
    assert params.recipe("scratch", "mlp").learning_rate == 0.1
    (trial,) = trials()
    assert list(trial.intermediate_values.values()) == [
        row["accuracy"] for row in recorder.history if row["split"] == "validation"
    ]


def test_hopeless_trials_are_given_up(project, monkeypatch, capsys):
    search(
        monkeypatch,
        "scratch/mlp",
        "--try",
        "learning_rate=0.000001..0.2:log",
        "--try",
        "epochs=4",
        "--trials",
        12,
    )
    ended = trials()
    assert [trial.state for trial in ended[:5]] == [COMPLETE] * 5
    pruned = [trial for trial in ended if trial.state == PRUNED]
    assert pruned
    assert {trial.state for trial in ended} == {COMPLETE, PRUNED}
    for trial in pruned:
        earlier = [
            other.intermediate_values[trial.last_step]
            for other in ended[: trial.number]
            if other.state == COMPLETE
        ]
        assert trial.last_step < 4
        assert max(trial.intermediate_values.values()) < sorted(earlier)[len(earlier) // 2]
    assert (
        f"pruned after epoch {pruned[0].last_step} at {pruned[0].value:.4f}"
        in capsys.readouterr().out
    )


def test_what_was_drawn_before_is_not_trained_again(project, monkeypatch, capsys):
    search(monkeypatch, "scratch/mlp", "--try", "batch_size=16,32", "--trials", 5)
    output = capsys.readouterr()
    assert (
        output.err.count("epoch 2/2") == len({trial.params["batch_size"] for trial in trials()}) < 5
    )
    assert len({(trial.params["batch_size"], trial.value) for trial in trials()}) < 5
    assert "as trial" in output.out


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_training_that_diverges_counts_as_pruned(project, monkeypatch, capsys):
    with pytest.raises(InputError, match="no trial of the study scratch/mlp came to its end"):
        search(monkeypatch, "scratch/mlp", "--try", "learning_rate=1e6..1e9:log", "--trials", 2)
    assert [trial.state for trial in trials()] == [PRUNED, PRUNED]
    assert capsys.readouterr().out.count(": diverged") == 2


@pytest.fixture
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of the test's own: a database's URL."""
    pg_ctl = shutil.which(
        "pg_ctl",
        path=os.pathsep.join(
            [os.environ["PATH"], *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
        ),
    )
    if pg_ctl is None:
        missing = "needs a PostgreSQL server; on Debian: apt-get install postgresql"
        pytest.fail(missing) if os.environ.get("DIGITS_POSTGRESQL") == "required" else pytest.skip(
            missing
        )
    user = "postgres" if os.getuid() == 0 else None  # root may not run one
    with tempfile.TemporaryDirectory() as folder:
        shutil.chown(folder, user or os.getuid())
        port, control = (
            free_port(),
            partial(subprocess.run, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL),
        )
        control([pg_ctl, "initdb", "-D", "data", "-o", "--auth=trust --username=digits"])
        control(
            [
                pg_ctl,
                "start",
                "-D",
                "data",
                "-l",
                "log",
                "-o",
                f"-k {folder} -p {port} -c listen_addresses=127.0.0.1",
            ]
        )
        yield f"postgresql://digits@127.0.0.1:{port}/postgres"
        control([pg_ctl, "stop", "-D", "data", "-m", "immediate"])


@pytest.mark.parametrize("kind", [None, "sqlite:///studies.db", "elsewhere.log", "postgresql"])
def test_two_processes_work_on_one_study(project, request, kind):
    storage = request.getfixturevalue("postgresql") if kind == "postgresql" else kind
    # Long enough that neither finishes all trials while the other opens the study.
    space = (*SPACE, "--try", "epochs=20")
    processes = start_together(
        "scratch/mlp",
        *space,
        "--trials",
        7,
        "--write",
        *(["--storage", storage] if storage else []),
    )
    outputs = [process.communicate(timeout=500) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    ended = [trial for trial in trials(storage=storage) if trial.state != FAIL]
    assert len(ended) == 7
    assert {trial.state for trial in ended} <= {COMPLETE, PRUNED}
    assert {trial.user_attrs["place"] for trial in ended} == set(range(7))
    assert len({trial.params["learning_rate"] for trial in ended}) == 7
    told = [re.findall(r"^\d/7 trial (\d+)", out, re.M) for out, _ in outputs]
    assert all(told)
    assert sorted(int(number) for numbers in told for number in numbers) == [
        trial.number for trial in ended
    ]
    best = max(ended, key=lambda trial: trial.value if trial.state == COMPLETE else 0)
    assert load_params().recipe("scratch", "mlp").batch_size == best.params["batch_size"]


def test_stopped_study_goes_on_to_what_an_undisturbed_one_finds(project, monkeypatch):
    space = (*SPACE, "--try", "epochs=200")
    search(monkeypatch, "scratch/mlp", *space, "--trials", 4, "--study", "undisturbed")
    process = start("scratch/mlp", *space, "--trials", 4, "--study", "stopped")
    wait_for(lambda: (Path("tuning/stopped/study.log")).exists() and len(trials("stopped")) > 1)
    # In the midst of a training: where a process forks, Python lets a KeyboardInterrupt go by.
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "stopped; the same command goes on after the last finished trial"
    assert "Traceback" not in err
    assert RUNNING not in {trial.state for trial in trials("stopped")}
    assert len(outcomes("stopped")) < 4
    search(monkeypatch, "scratch/mlp", "--trials", 4, "--study", "stopped")
    assert outcomes("stopped") == outcomes("undisturbed")
    n_trials = len(trials("stopped"))
    search(monkeypatch, "scratch/mlp", "--trials", 4, "--study", "stopped")
    assert len(trials("stopped")) == n_trials


def test_trial_of_a_killed_process_neither_blocks_nor_counts(project, monkeypatch):
    process = start("scratch/mlp", *SPACE, "--try", "epochs=1000", "--trials", 2)
    wait_for(
        lambda: (
            (Path("tuning/scratch/mlp/study.log")).exists()
            and any("place" in trial.user_attrs for trial in trials())
        )
    )
    process.kill()
    process.communicate()
    assert [trial.state for trial in trials()] == [RUNNING]
    monkeypatch.setattr("digits.tuning.study.DEAD_SECONDS", 0.0)
    monkeypatch.setattr("digits.tuning.study.POLL_SECONDS", 0.01)
    study = open_study(None, "scratch/mlp", Path("tuning/scratch/mlp"))
    for place in range(2):
        trial = tune.next_trial(study, 2, 0, {})
        assert trial.study.get_trials()[trial.number].user_attrs["place"] == place
        study.tell(trial, 0.5)
    assert tune.next_trial(study, 2, 0, {}) is None
    assert [trial.state for trial in study.get_trials()] == [FAIL, COMPLETE, COMPLETE]


def test_running_trial_gives_signs_of_life(project, monkeypatch):
    monkeypatch.setattr("digits.tuning.study.BEAT_SECONDS", 0.01)
    study = open_study(None, "test", project)
    trial = tune.next_trial(study, 1, 0, {})
    begun = time.time()
    with tune.alive(trial):
        wait_for(lambda: study.get_trials()[0].user_attrs.get("alive", 0) > begun + 0.1)


def test_trial_that_another_process_took_for_dead_is_dropped(project, monkeypatch, capsys):
    train = tune.train

    def slow_train(*arguments, **keywords):
        study = open_study(None, "scratch/mlp", Path("tuning/scratch/mlp"))
        if len(study.get_trials()) == 1:
            study.tell(0, state=FAIL)
        return train(*arguments, **keywords)

    monkeypatch.setattr(tune, "train", slow_train)
    search(monkeypatch, "scratch/mlp", *SPACE, "--trials", 2)
    assert [trial.state for trial in trials()] == [FAIL, COMPLETE, COMPLETE]
    assert "failed: silent for too long" in capsys.readouterr().out


def test_write_puts_the_best_values_into_params_yaml_and_the_study_goes_on(project, monkeypatch):
    before = Path("params.yaml").read_text().splitlines()
    arguments = [
        "scratch/mlp",
        "--try",
        "learning_rate=0.01..0.05",
        "--try",
        "augmentation.rotation=0.0..15.0",
        "--trials",
    ]
    search(monkeypatch, *arguments, 2, "--write")
    best = max(trials(), key=lambda trial: trial.value)
    recipe = load_params().recipe("scratch", "mlp")
    assert recipe.learning_rate == pytest.approx(best.params["learning_rate"], rel=1e-3)
    assert recipe.augmentation.rotation == pytest.approx(
        best.params["augmentation.rotation"], rel=1e-3
    )
    changed = [
        new
        for old, new in zip(before, Path("params.yaml").read_text().splitlines(), strict=True)
        if old != new
    ]
    assert [line.split(":")[0].strip() for line in changed] == ["mlp"]
    search(monkeypatch, *arguments, 3)
    assert len(trials()) == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("seed", "was begun with another seed;"),
        ("data", "was begun with another data set;"),
        ("recipe", r"was begun with another recipe \(momentum\);"),
        ("architecture", r"was begun with another architecture \(mlp_128_64\);"),
        ("space", r"was begun with another search space \(learning_rate\);"),
        ("run", "was begun with another run;"),
    ],
)
def test_study_of_something_else_is_refused(project, monkeypatch, change, complaint):
    arguments = ["scratch/mlp", *SPACE, "--trials", 1, "--study", "mine"]
    search(monkeypatch, *arguments)
    text = Path("params.yaml").read_text()
    if change == "data":
        images, labels = tune.read_split(Path("data/processed/train"))
        write_split(Path("data/processed/train"), images, (labels + 1) % 10)
    elif change == "space":
        arguments[2] = "learning_rate=0.01..0.3:log"
    elif change == "run":
        arguments[0] = "torch/mlp"
    else:
        edit = {
            "seed": ("seed: 0", "seed: 1"),
            "recipe": ("momentum: 0.9", "momentum: 0.8"),
            "architecture": ("units: 64", "units: 63"),
        }[change]
        assert edit[0] in text
        Path("params.yaml").write_text(text.replace(*edit))
    with pytest.raises(InputError, match=f"the study mine {complaint} .*--study NAME") as caught:
        search(monkeypatch, *arguments)
    assert "\n" not in str(caught.value)
    assert len(trials("mine")) == 1


def test_study_that_another_program_made_is_refused(project, monkeypatch):
    storage = "sqlite:///studies.db"
    optuna.create_study(storage=storage, study_name="scratch/mlp").optimize(
        lambda trial: trial.suggest_float("x", 0, 1), n_trials=1
    )
    with pytest.raises(InputError, match="the study scratch/mlp was begun with another run"):
        search(monkeypatch, "scratch/mlp", *SPACE, "--storage", storage)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["mlp"],
            "the run is 'mlp'; expected a framework, one of torch, tf, scratch, and its run, as in torch/cnn",
        ),
        (["scratch/nope"], "params.yaml: train_scratch has no run 'nope'; expected one of: "),
        (["scratch/mlp", "--trials", "0"], "--trials is 0; expected a number from 1 up"),
        (["scratch/mlp", "--study", "../mine"], "--study is '../mine'; expected letters"),
        (["scratch/mlp", "--try", "lr=1,2"], "--try: train_scratch.mlp has the unknown key 'lr'"),
        (
            ["scratch/mlp_sigmoid"],
            "train_scratch.mlp_sigmoid has no learning_rate; say what to try",
        ),
        (
            ["scratch/mlp", "--storage", "nodb://me:secret@host/db"],
            "the study scratch/mlp cannot be opened: NoSuchModuleError",
        ),
        (
            ["scratch/mlp", "--storage", "missing/study.log"],
            "the study scratch/mlp cannot be opened: FileNotFoundError",
        ),
        (["scratch/mlp", "--storage", "params.yaml"], "the study scratch/mlp cannot be opened: "),
    ],
)
def test_bad_input_is_told_in_one_line(project, arguments, complaint):
    process = start(*arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith(f"error: {complaint}")
    assert "secret" not in err


def test_missing_data_is_told_in_one_line(project, monkeypatch):
    shutil.rmtree("data")
    with pytest.raises(
        InputError, match="data/processed: has no data; run `dvc repro preprocess` first"
    ):
        search(monkeypatch, "scratch/mlp")


def test_plots_are_written_and_wait_for_two_trials(project, monkeypatch, capsys):
    names = ["history.png", "importances.png", "slice.png"]
    folder = Path("tuning/scratch/mlp")
    search(monkeypatch, "scratch/mlp", *SPACE, "--trials", 1)
    assert "no plots: they need two trials" in capsys.readouterr().err
    assert not list(folder.glob("*.png"))
    search(monkeypatch, "scratch/mlp", *SPACE, "--trials", 4)
    assert sorted(path.name for path in folder.glob("*.png")) == names
    for name in names:
        with Image.open(folder / name) as image:
            assert image.size > (300, 200)
            assert len(image.convert("L").getcolors()) > 10
    assert not list(folder.glob(".*"))


def test_plots_of_one_value_or_of_several_optimizers(project, monkeypatch):
    search(monkeypatch, "scratch/mlp", "--try", "epochs=1", "--trials", 2, "--study", "one")
    assert [path.name for path in Path("tuning/one").glob("*.png")] == ["history.png"]
    search(
        monkeypatch,
        "scratch/mlp",
        "--try",
        "optimizer=sgd,adam",
        "--try",
        "momentum=0.5..0.9",
        "--trials",
        6,
        "--study",
        "two",
    )
    assert len(list(Path("tuning/two").glob("*.png"))) == 3
    assert {
        ("momentum" in trial.params) == (trial.params["optimizer"] == "sgd")
        for trial in trials("two")
    } == {True}


@pytest.mark.parametrize("run", ["torch/mlp", "tf/cnn_small"])
def test_search_in_a_framework(project, monkeypatch, run):
    search(
        monkeypatch,
        run,
        "--try",
        "learning_rate=0.001..0.01:log",
        "--try",
        "epochs=1",
        "--trials",
        2,
    )
    assert [trial.state for trial in trials(run)] == [COMPLETE, COMPLETE]
    assert all(trial.value > 0.1 for trial in trials(run))


def test_help_shows_all_options():
    process = subprocess.run(
        [sys.executable, "-m", "digits.commands.tune", "--help"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    for option in ("--try KEY=VALUES", "--trials", "--study", "--storage", "--write"):
        assert option in process.stdout
