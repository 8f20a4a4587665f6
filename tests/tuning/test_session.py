"""A study on small digits, from its first trial to a resumed one, and studies of something else."""

import re
import shutil
from pathlib import Path

import optuna
import pytest

from digits.base.files import read_split, write_split
from digits.errors import InputError
from digits.training.run import load_run
from tests.support.studies import COMPLETE, MLP, SPACE, outcomes, search, trials

LINE = (
    r"learning_rate [\d.]+, batch_size (16|32), epochs [12]: "
    r"validation accuracy 0\.\d{4}; best 0\.\d{4} \(trial \d\)"
)


def test_a_study_begins_with_the_run_and_keeps_to_its_space(workspace):
    assert search(MLP, *SPACE, "--try", "epochs=1..2", "--trials", 3) == 0
    own = load_run("scratch", "mlp").recipe
    first = trials()[0].params
    assert first["learning_rate"] == own.learning_rate
    assert first["epochs"] == own.epochs
    assert first["batch_size"] in (16, 32)  # the run's own, 64, is not in the space
    for trial in trials():
        assert trial.state == COMPLETE
        assert len(trial.intermediate_values) == trial.params["epochs"]
        assert trial.value == trial.intermediate_values[trial.params["epochs"]]
        assert 0.01 <= trial.params["learning_rate"] <= 0.2


def test_a_line_is_printed_after_each_trial_and_for_the_best(workspace, capsys):
    search(MLP, *SPACE, "--try", "epochs=1..2", "--trials", 3)
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for number, line in enumerate(lines):
        assert re.fullmatch(rf"{number + 1}/3 trial {number}: {LINE}", line)
    best = max(trials(), key=lambda trial: trial.value)
    assert last.startswith(f"best: trial {best.number}: ")
    assert last.endswith(f"validation accuracy {best.value:.4f}")


def test_the_same_command_finds_the_same_twice(workspace):
    # The first ten trials are drawn at random; later ones depend on what was found before.
    for study in ("one", "two"):
        search(MLP, *SPACE, "--trials", 12, "--study", study)
    assert outcomes("one") == outcomes("two")
    assert len({trial.params["learning_rate"] for trial in trials("one")}) == 12


@pytest.mark.slow
def test_a_study_resumes_with_its_own_space_and_ends_with_its_trials(workspace):
    search(MLP, *SPACE, "--trials", 3, "--study", "whole")
    search(MLP, *SPACE, "--trials", 2, "--study", "parts")
    search(MLP, "--trials", 3, "--study", "parts")
    assert outcomes("parts") == outcomes("whole")
    search(MLP, "--trials", 3, "--study", "parts")
    assert len(trials("parts")) == 3


EDITS = {
    "seed": ("seed: 0", "seed: 1"),
    "recipe": ("momentum: 0.9", "momentum: 0.8"),
    "architecture": ("units: 64", "units: 63"),
}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("seed", "another seed;"),
        ("recipe", r"another recipe \(momentum\);"),
        ("architecture", r"another architecture \(mlp\);"),
    ],
)
def test_a_study_with_other_parameters_is_refused(workspace, change, complaint):
    search(MLP, *SPACE, "--trials", 1, "--study", "mine")
    text = Path("params.yaml").read_text()
    assert EDITS[change][0] in text
    Path("params.yaml").write_text(text.replace(*EDITS[change]))
    message = f"^the study mine was started with {complaint} .*--study NAME$"
    with pytest.raises(InputError, match=message):
        search(MLP, *SPACE, "--trials", 1, "--study", "mine")
    assert len(trials("mine")) == 1


def test_a_study_of_other_data_is_refused(workspace):
    search(MLP, *SPACE, "--trials", 1)
    images, labels = read_split(Path("data/processed/train"))
    write_split(Path("data/processed/train"), images, (labels + 1) % 10)
    with pytest.raises(InputError, match="was started with another data set;"):
        search(MLP, *SPACE, "--trials", 1)


def test_a_study_of_another_space_or_run_is_refused(workspace):
    search(MLP, *SPACE, "--trials", 1, "--study", "mine")
    with pytest.raises(InputError, match=r"with another search space \(learning_rate\);"):
        search(MLP, "--try", "learning_rate=0.01..0.3:log", *SPACE[2:], "--study", "mine")
    with pytest.raises(InputError, match="was started with another run;"):
        search("torch/mlp", *SPACE, "--study", "mine")


def test_a_study_that_another_program_made_is_refused(workspace):
    storage = "sqlite:///studies.db"
    study = optuna.create_study(storage=storage, study_name=MLP)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(InputError, match="the study scratch/mlp was started with another run"):
        search(MLP, *SPACE, "--storage", storage)


def test_missing_data_is_an_error(workspace):
    shutil.rmtree("data")
    message = "data/processed: has no data; run `dvc repro preprocess` first"
    with pytest.raises(InputError, match=message):
        search(MLP)
