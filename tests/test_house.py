"""The shape of the code: who imports whom, what an import costs, and how large the pieces are."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from digits.base.params import FRAMEWORKS
from digits.training.backend import Backend, load_backend
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT

LIBRARIES = {"torch", "tensorflow", "keras"}
SLOW = {"sklearn", "pandas", "matplotlib", "seaborn"}
CODE = ("digits", "stages", "benchmarks", "tools", "examples", "study")

# Functions with more than six parameters, and why.
MANY_PARAMETERS: dict[str, str] = {}
# Packages whose __init__.py does more than say what they hold, and why.
CODE_IN_PACKAGES = {
    "digits/backends/torch": "GOMP_SPINCOUNT must be set before PyTorch is imported",
    "digits/backends/tf": "TF_CPP_MIN_LOG_LEVEL must be set before TensorFlow is imported",
}


def modules(*folders: str) -> list[Path]:
    """Return the Python files in folders of the project."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported_names(path: Path) -> set[str]:
    """Return the modules and names that a file imports, by their full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Yield the functions and methods of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def count_parameters(function: ast.FunctionDef) -> int:
    """Return how many parameters a function has, without self and cls."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([argument for argument in named if argument.arg not in ("self", "cls")])


def test_imports_keep_the_contracts_of_pyproject():
    """The floors, among others: a package imports what stands below it only."""
    pytest.importorskip("importlinter")
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def packages_after(statement: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted(name.split('.')[0] for name in sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_command_line_brings_no_numpy():
    assert not packages_after("import digits.cli") & (LIBRARIES | SLOW | {"numpy", "dvc"})


@pytest.mark.parametrize("command", ["predict", "draw"])
def test_using_a_model_brings_no_framework_and_nothing_slow(command):
    found = packages_after(f"import digits.commands.{command}, digits.backends.scratch.network")
    assert not found & (LIBRARIES | SLOW | {"dvc"})


def test_training_brings_no_framework_and_nothing_slow():
    found = packages_after("import digits.training.stage, digits.backends.scratch.fit")
    assert not found & (LIBRARIES | SLOW | {"dvc"})


@pytest.mark.parametrize("framework", ["torch", "tf"])
@pytest.mark.slow
def test_a_back_end_brings_its_own_framework_only(framework):
    expected = {"torch": {"torch"}, "tf": {"tensorflow", "keras"}}[framework]
    found = packages_after(f"import digits.backends.{framework}.fit")
    assert found & LIBRARIES == expected


def test_export_brings_no_framework_before_a_format_is_chosen():
    found = packages_after("import digits.commands.export")
    assert not found & (LIBRARIES | {"onnx", "onnxruntime"})


def test_export_to_onnx_brings_no_framework_at_all():
    assert not packages_after("import digits.export.onnx") & LIBRARIES


def test_the_engine_imports_numpy_and_scipy_alone():
    known = {"numpy", "scipy", *sys.stdlib_module_names}
    for path in modules("digits/scratch"):
        for name in imported_names(path):
            assert name.split(".")[0] in known or name.startswith("digits.scratch"), (path, name)


def test_digits_has_at_most_five_modules_at_its_top():
    found = {path.name for path in (ROOT / "digits").glob("*.py")}
    assert found <= {"__init__.py", "__main__.py", "cli.py", "errors.py"}
    assert len(found) <= 5


@pytest.mark.parametrize("path", modules("stages"), ids=lambda path: path.stem)
def test_a_stage_is_small_and_imports_no_other(path):
    assert len(path.read_text().splitlines()) <= 80
    assert not [name for name in imported_names(path) if name.startswith("stages.")]


def test_packages_hold_their_docstring_and_no_code():
    found = set()
    for path in (ROOT / "digits").rglob("__init__.py"):
        docstring, *code = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), path
        if code:
            found.add(path.parent.relative_to(ROOT).as_posix())
    assert found == set(CODE_IN_PACKAGES)


def test_no_function_has_more_than_six_parameters():
    found = set()
    for path in modules(*CODE):
        for function in functions(path):
            if count_parameters(function) > 6:
                found.add(f"{path.relative_to(ROOT).as_posix()}: {function.name}")
    assert found == set(MANY_PARAMETERS)


def test_the_back_ends_are_mirror_images():
    files = {
        framework: {path.name for path in (ROOT / "digits/backends" / framework).glob("*.py")}
        for framework in FRAMEWORKS
    }
    assert files["torch"] == files["tf"] == files["scratch"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_back_end_has_the_names_and_parameters_of_the_contract(framework):
    backend = load_backend(framework)
    for name in Backend.__annotations__:
        assert hasattr(backend, name), name
    contract = {name: value for name, value in vars(Backend).items() if inspect.isfunction(value)}
    methods = [name for name in contract if not name.startswith("_")]
    assert methods == ["fit", "predict", "join", "name_device"]
    for name in methods:
        _, *expected = inspect.signature(contract[name]).parameters  # without self
        assert list(inspect.signature(getattr(backend, name)).parameters) == expected, name


def paths(entries: list) -> set[str]:
    """Return the paths of a stage's deps or outs in dvc.yaml, with or without options."""
    return {path for entry in entries for path in ([entry] if isinstance(entry, str) else entry)}


def test_only_evaluate_and_visualize_see_the_test_set():
    """What holds it: the raw data, the processed test split and what evaluate made of it."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    deps = {name: paths(stage.get("do", stage)["deps"]) for name, stage in stages.items()}
    with_test_set = {"data", "data/raw", "data/processed", "data/processed/test", "data/evaluation"}
    # preprocess reads the raw data and splits off the test set.
    found = {name for name, paths in deps.items() if paths & with_test_set}
    assert found == {"preprocess", "evaluate", "visualize"}
    for framework in FRAMEWORKS:
        data = {path for path in deps[f"train_{framework}"] if path.startswith("data/processed")}
        expected = ("preprocessing.json", "train", "validation")
        assert data == {f"data/processed/{name}" for name in expected}
