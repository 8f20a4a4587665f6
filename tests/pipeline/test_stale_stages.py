"""An edit reruns what it affects and nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.repo import Repo

from digits.base.params import FRAMEWORKS, load_run_names
from digits.pipeline.fingerprint import LOCK, STAGES, stage_fingerprint
from tests.support.paths import ROOT, SMALL_PARAMS

EVALUATIONS = {f"evaluate_{framework}" for framework in FRAMEWORKS}
TORCH_RUNS = {f"train_torch@{name}" for name in load_run_names("torch", SMALL_PARAMS)}
SCRATCH_RUNS = {f"train_scratch@{name}" for name in load_run_names("scratch", SMALL_PARAMS)}


@pytest.fixture
def code(tmp_path) -> Path:
    """A copy of all that is hashed."""
    for name in ("digits", "stages", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def append(path: str, text: str = "EDITED = 1\n") -> Callable[[Path], None]:
    """Return an edit that adds a text at the end of a file."""

    def edit(root: Path) -> None:
        with (root / path).open("a", encoding="utf-8") as file:
            file.write(text)

    return edit


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    """Return an edit that replaces every occurrence of a text in a file."""

    def edit(root: Path) -> None:
        text = (root / path).read_text(encoding="utf-8")
        assert old in text
        (root / path).write_text(text.replace(old, new), encoding="utf-8")

    return edit


def add_dataset(root: Path) -> None:
    """Add a source of images, and a way to ask for it."""
    (root / "digits/datasets/drawn.py").write_text("EDITED = 1\n")
    append("digits/datasets/fetch.py", "import digits.datasets.drawn\n")(root)


def comment_every_module(root: Path) -> None:
    """Add a comment and blank lines to every module, and a sentence to its docstring."""
    for path in [*(root / "digits").rglob("*.py"), *(root / "stages").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), path
        edited = text.replace("\n\n", "\n\n\n").replace("\nimport ", "  \nimport ")
        path.write_text(f'"""Edited. {edited[3:]}\n\n# A comment.\n', encoding="utf-8")


@pytest.mark.parametrize(
    ("edit", "stages"),
    [
        (comment_every_module, set()),
        (append("digits/reporting/figures/learning_curves.py"), {"visualize"}),
        (append("digits/reporting/report.html.jinja"), {"visualize"}),
        (append("digits/evaluation/metrics.py"), EVALUATIONS | {"visualize"}),
        (append("digits/scratch/layers.py"), {"train_scratch", "evaluate_scratch"}),
        (append("digits/backends/torch/fit.py"), {"train_torch"}),
        (append("digits/training/loop.py"), {f"train_{name}" for name in FRAMEWORKS}),
        (append("digits/base/files.py"), set(STAGES)),
        (append("digits/pipeline/jobs.py"), set()),
        (append("digits/commands/draw.py"), set()),
        (replace(str(LOCK), "\ntorch==2", "\ntorch==9"), {"train_torch", "evaluate_torch"}),
        (replace(str(LOCK), "\nmatplotlib==3", "\nmatplotlib==9"), {"visualize"}),
        (replace(str(LOCK), "\ntqdm==4", "\ntqdm==9"), set()),
        (add_dataset, {"download"}),
    ],
)
def test_an_edit_changes_the_fingerprints_that_it_concerns(code, edit, stages):
    before = {stage: stage_fingerprint(stage, code) for stage in STAGES}
    edit(code)
    after = {stage: stage_fingerprint(stage, code) for stage in STAGES}
    assert {stage for stage in STAGES if before[stage] != after[stage]} == stages


def test_every_stage_depends_on_its_fingerprint_and_on_no_other_code():
    with Repo(str(ROOT)) as repo:
        stages = [stage for stage in repo.index.stages if stage.path_in_repo == "dvc.yaml"]
    deps = {stage.addressing: {dep.def_path for dep in stage.deps} for stage in stages}
    assert deps.pop("fingerprint") == {"digits", "requirements", "stages"}
    found = set()
    for name, paths in deps.items():
        stage, _, item = name.partition("@")
        fingerprint = f"evaluate_{item}" if stage == "evaluate" else stage
        found.add(fingerprint)
        results = ("data/", "metrics", "models", "timings")
        code = {path for path in paths if not path.startswith(results)}
        assert code <= {"params.yaml"}, name
        assert [path for path in paths if path.startswith("data/fingerprints")] == [
            f"data/fingerprints/{fingerprint}.txt"
        ]
    assert found == set(STAGES)


@pytest.mark.parametrize("path", ["README.md", "tests/conftest.py", "benchmarks/__init__.py"])
def test_files_beside_the_code_concern_no_stage(finished, path):
    file = finished.path / path
    before = file.read_bytes()
    file.write_bytes(before + b"\n# A comment.\n")
    stale = finished.stale_stages()
    file.write_bytes(before)
    assert stale == set()


@pytest.mark.parametrize(
    "name",
    ["__pycache__/a.pyc", ".a.py.swp", "a.py~", "#a.py#", ".DS_Store", "Thumbs.db", ".nfs00",
     ".a.py.partial", ".ipynb_checkpoints/a.py", "a.py.orig"],
)  # fmt: skip
def test_files_that_come_and_go_beside_the_code_concern_no_stage(finished, name):
    file = finished.path / "digits" / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    stale = finished.stale_stages()
    file.unlink()
    assert stale == set()


def test_a_comment_runs_the_hashing_alone(clone):
    append("digits/errors.py", "# A comment.\n")(clone.path)
    assert clone.stale_stages() == {"fingerprint"}
    assert clone.repro() == {"fingerprint"}
    assert clone.stale_stages() == set()


def test_a_figure_makes_visualize_stale(clone):
    append("digits/reporting/figures/learning_curves.py")(clone.path)
    assert clone.stale_stages() == {"fingerprint"}  # what follows is known once it has run
    assert clone.repro("fingerprint") == {"fingerprint"}
    assert clone.stale_stages() == {"visualize"}


def test_a_layer_of_the_engine_makes_what_scratch_trains_stale(clone):
    append("digits/scratch/layers.py")(clone.path)
    assert clone.repro("fingerprint") == {"fingerprint"}
    assert clone.stale_stages() == SCRATCH_RUNS | {"evaluate@scratch"}


@pytest.mark.slow
def test_a_new_data_set_runs_download_and_nothing_after_it(clone):
    add_dataset(clone.path)
    assert clone.repro() == {"fingerprint", "download"}


def test_another_pin_of_torch_makes_its_runs_stale(clone):
    replace(str(LOCK), "\ntorch==2", "\ntorch==9")(clone.path)
    assert clone.repro("fingerprint") == {"fingerprint"}
    assert clone.stale_stages() == TORCH_RUNS | {"evaluate@torch"}


def test_code_that_is_not_python_is_one_line_and_loses_nothing(clone):
    append("digits/reporting/report.py", "def f(:\n")(clone.path)
    printed = clone.run("dvc", "repro", status=255)
    assert "error: digits/reporting/report.py: is not Python: invalid syntax" in printed
    assert "Traceback" not in printed
    assert (clone.path / "data/raw/dataset.json").exists()
