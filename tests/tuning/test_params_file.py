"""Writing a run's recipe back: its values in params.yaml change, and no other byte."""

import shutil
from dataclasses import replace
from difflib import ndiff
from pathlib import Path

import pytest

from digits.errors import InputError
from digits.training.run import load_run, load_runs
from digits.tuning.params_file import write_recipe
from tests.support.paths import ROOT, SMALL_PARAMS

FILES = {"published": ROOT / "params.yaml", "small": SMALL_PARAMS}
RUNS = [(name, run.framework, run.name) for name in FILES for run in load_runs(path=FILES[name])]

TEXT = """\
seed: 0
threads: 2
processes: 1
device: cpu
architectures:
  mlp: [flatten, dense: {units: 10}]

train_torch:
  lines:  # a key a line
    architecture: mlp
    initializer: he
    optimizer: sgd
    epochs: 3  # é
    batch_size: 64
    learning_rate: 1e-1
    momentum: 0.9
    # Its peak is the learning rate.
    schedule: cosine
    augmentation:
      rotation: 10

  braces:   {architecture: mlp, initializer: he, optimizer: sgd, epochs: 3, \
batch_size: 64, learning_rate: 1e-1, momentum: 0.9, schedule: cosine, \
augmentation: {rotation: 10}}  # é
  aliased: &aliased
    architecture: mlp
    initializer: he
    optimizer: adam
    epochs: 3
    batch_size: 64
    learning_rate: 0.1
    schedule: cosine
  alias: *aliased
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A params.yaml with a run in each style."""
    path = tmp_path / "params.yaml"
    path.write_bytes(TEXT.encode())
    return path


def rewrite(path: Path, framework: str, name: str, **values: object) -> list[str]:
    """Give a run other values, and return the lines that differ: "- old" and "+ new".

    None removes a key.
    """
    old = path.read_text()
    run = load_run(framework, name, path)
    kept = run.recipe.model_dump(exclude_unset=True) | values
    recipe = type(run.recipe).model_validate(
        {key: value for key, value in kept.items() if value is not None}
    )
    write_recipe(path, replace(run, recipe=recipe))
    assert load_run(framework, name, path).recipe == recipe
    lines = ndiff(old.splitlines(), path.read_text().splitlines())
    return [line for line in lines if line[0] in "-+"]


@pytest.mark.parametrize(("file", "framework", "name"), RUNS)
def test_only_the_value_changes(tmp_path, file, framework, name):
    path = shutil.copy(FILES[file], tmp_path / "params.yaml")
    epochs = load_run(framework, name, path).recipe.epochs
    old, new = rewrite(path, framework, name, epochs=77)
    assert new[1:] == old[1:].replace(f"epochs: {epochs}", "epochs: 77")


@pytest.mark.parametrize(("file", "framework", "name"), RUNS)
def test_a_recipe_that_is_the_same_changes_no_byte(tmp_path, file, framework, name):
    path = shutil.copy(FILES[file], tmp_path / "params.yaml")
    write_recipe(path, load_run(framework, name, path))
    assert path.read_bytes() == FILES[file].read_bytes()


def test_new_keys_come_last(path):
    added = rewrite(path, "torch", "lines", l2=1e-05, label_smoothing=0.1)
    assert added == ["+     l2: 1e-05", "+     label_smoothing: 0.1"]
    assert "      rotation: 10\n    l2: 1e-05\n    label_smoothing: 0.1\n\n" in path.read_text()
    _, new = rewrite(path, "torch", "braces", l2=1e-05)
    assert new.endswith("augmentation: {rotation: 10}, l2: 1e-05}  # é")


def test_nested_values_are_changed_and_added_where_they_stand(path):
    augmentation = {"rotation": 3.5, "shift": 1}
    changed = rewrite(path, "torch", "lines", augmentation=augmentation)
    assert changed == ["-       rotation: 10", "+       rotation: 3.5", "+       shift: 1.0"]
    _, new = rewrite(path, "torch", "braces", augmentation=augmentation)
    assert new.endswith("augmentation: {rotation: 3.5, shift: 1.0}}  # é")


def test_a_new_mapping_stands_in_braces(path):
    rewrite(path, "torch", "lines", augmentation=None)
    (added,) = rewrite(path, "torch", "lines", augmentation={"rotation": 3.5, "shift": 1})
    assert added == "+     augmentation: {rotation: 3.5, shift: 1.0}"


def test_keys_that_the_optimizer_does_not_use_go(path):
    changed = rewrite(path, "torch", "lines", optimizer="adam", momentum=None, augmentation=None)
    assert changed == [
        "-     optimizer: sgd",
        "+     optimizer: adam",
        "-     momentum: 0.9",
        "-     augmentation:",
        "-       rotation: 10",
    ]
    old, new = rewrite(path, "torch", "braces", optimizer="adam", momentum=None)
    assert new[1:] == old[1:].replace("sgd", "adam").replace("momentum: 0.9, ", "")


@pytest.mark.parametrize("name", ["lines", "braces"])
def test_comments_and_line_ends_stay(path, name):
    text = TEXT.replace("\n", "\r\n")
    path.write_bytes(text.encode())
    rewrite(path, "torch", name, epochs=9, l2=0.001)
    start = text.index(f"  {name}:")
    expected = text[:start] + text[start:].replace("epochs: 3", "epochs: 9", 1)
    last = {"lines": "rotation: 10", "braces": "rotation: 10}"}[name]
    added = {"lines": "\r\n    l2: 0.001", "braces": ", l2: 0.001"}[name]
    assert path.read_bytes().decode() == expected.replace(last, last + added, 1)


def test_a_file_without_a_last_newline_can_be_rewritten(path):
    path.write_text(TEXT.partition("\n\n  braces")[0])
    assert rewrite(path, "torch", "lines", l2=0.001) == ["+     l2: 0.001"]
    assert rewrite(path, "torch", "lines", l2=None) == ["-     l2: 0.001"]


@pytest.mark.parametrize("name", ["alias", "aliased"])
def test_a_run_that_shares_its_text_with_another_is_left_alone(path, name):
    run = load_run("torch", name, path)
    other = replace(run, recipe=run.recipe.model_copy(update={"epochs": 9}))
    message = rf"could not rewrite train_torch\.{name}; write by hand: .*'epochs': 9"
    with pytest.raises(InputError, match=message):
        write_recipe(path, other)
    assert path.read_text() == TEXT
    assert len(list(path.parent.iterdir())) == 1
