"""Writing a run's recipe back: one line of the real params.yaml changes, and no other byte."""

import shutil

import pytest
from conftest import ROOT

from digits.errors import InputError
from digits.training.params import FRAMEWORKS, load_params
from digits.tuning.params_line import write_recipe

PARAMS = load_params(ROOT / "params.yaml")
RUNS = [(framework, run) for framework in FRAMEWORKS for run in PARAMS.runs(framework)]


@pytest.fixture
def path(tmp_path):
    return shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")


def changed_lines(path) -> list[tuple[str, str]]:
    pairs = zip(
        (ROOT / "params.yaml").read_text().split("\n"), path.read_text().split("\n"), strict=True
    )
    return [(old, new) for old, new in pairs if old != new]


def rewrite(path, framework, run, **values):
    """Write the run's recipe with other values; return the only lines that differ, before and
    after.
    """
    old = PARAMS.recipe(framework, run)
    kept = {
        key: value
        for key, value in old.model_dump(exclude_unset=True).items()
        if values.get(key, ...) is not None
    }
    recipe = type(old).model_validate(
        kept | {key: value for key, value in values.items() if value is not None}
    )
    write_recipe(path, framework, run, recipe)
    assert load_params(path).recipe(framework, run) == recipe
    (lines,) = changed_lines(path)
    return lines


@pytest.mark.parametrize(("framework", "run"), RUNS)
def test_only_the_value_changes(path, framework, run):
    old, new = rewrite(path, framework, run, epochs=77)
    assert new == old.replace(f"epochs: {PARAMS.recipe(framework, run).epochs}", "epochs: 77")


@pytest.mark.parametrize(("framework", "run"), RUNS)
def test_a_recipe_that_is_the_same_changes_no_byte(path, framework, run):
    write_recipe(path, framework, run, PARAMS.recipe(framework, run))
    assert path.read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_new_keys_come_last_and_nested_ones_in_braces(path):
    _, new = rewrite(path, "torch", "cnn", augmentation={"rotation": 3.5, "shift": 1}, l2=1e-05)
    assert new.endswith(
        "schedule: one_cycle, l2: 1e-05, augmentation: {rotation: 3.5, shift: 1.0}}"
    )


def test_keys_that_the_optimizer_does_not_use_go(path):
    old, new = rewrite(path, "scratch", "mlp", optimizer="adam", momentum=None)
    assert new == old.replace("optimizer: sgd", "optimizer: adam").replace("momentum: 0.9, ", "")


def test_comment_and_line_ends_stay(path):
    text = (
        path.read_text()
        .replace("schedule: one_cycle}\n", "schedule: one_cycle}  # é\n")
        .replace("\n", "\r\n")
    )
    path.write_bytes(text.encode())
    write_recipe(
        path, "torch", "cnn", PARAMS.recipe("torch", "cnn").model_copy(update={"epochs": 9})
    )
    line = next(
        line
        for line in text.split("\n")
        if line.startswith("  cnn: ") and "cnn, initializer" in line
    )
    assert path.read_bytes().decode() == text.replace(
        line, line.replace("epochs: 3", "epochs: 9"), 1
    )


def test_run_that_is_not_in_braces_is_left_alone(path):
    line = next(
        line
        for line in path.read_text().splitlines()
        if line.startswith("  cnn_5x5:") and "{" in line
    )
    block = line.replace("{", "\n    ").replace("}", "").replace(", ", "\n    ")
    path.write_text(path.read_text().replace(line, block, 1))
    before = path.read_bytes()
    with pytest.raises(
        InputError,
        match=r"train_torch.cnn_5x5 is not one mapping in braces; write by hand: .*'epochs': 2",
    ):
        write_recipe(path, "torch", "cnn_5x5", load_params(path).recipe("torch", "cnn_5x5"))
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1
