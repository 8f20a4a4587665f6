"""The best trial's values in params.yaml."""

from pathlib import Path

import pytest

from digits.training.run import load_run
from tests.support.studies import MLP, search, trials

SPACE = ("--try", "learning_rate=0.01..0.05", "--try", "augmentation.rotation=0.0..15.0")


def test_write_puts_the_best_values_into_params_yaml(workspace, capsys):
    before = load_run("scratch", "mlp").recipe
    others = load_run("torch", "mlp"), load_run("scratch", "cnn_small")
    search(MLP, *SPACE, "--trials", 2, "--write")
    best = max(trials(), key=lambda trial: trial.value).params
    found = load_run("scratch", "mlp").recipe
    assert found.learning_rate == pytest.approx(best["learning_rate"], rel=1e-3)
    assert found.augmentation.rotation == pytest.approx(best["augmentation.rotation"], rel=1e-3)
    tried = {"learning_rate", "augmentation"}
    assert found.model_dump(exclude=tried) == before.model_dump(exclude=tried)
    assert others == (load_run("torch", "mlp"), load_run("scratch", "cnn_small"))
    line = "params.yaml: train_scratch.mlp now has these values; `dvc repro` trains it"
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_a_study_resumes_after_its_best_values_were_written(workspace):
    search(MLP, *SPACE, "--trials", 2, "--write")
    search(MLP, *SPACE, "--trials", 3)
    assert len(trials()) == 3


def test_without_write_params_yaml_stays_as_it_is(workspace):
    before = Path("params.yaml").read_bytes()
    search(MLP, *SPACE, "--trials", 1)
    assert Path("params.yaml").read_bytes() == before
