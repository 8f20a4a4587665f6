"""What importing costs, and that DVC knows of every module that a stage imports: it does not follow
imports itself.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from dvc.repo import Repo

FRAMEWORKS = {"torch", "tensorflow", "keras"}
SLOW = {"sklearn", "pandas", "matplotlib", "seaborn"}
STAGES = {stage.addressing: stage for stage in Repo(str(ROOT)).index.stages}


def imported_modules(path: Path) -> set[Path]:
    """Return the project's files that a module imports, itself included, directly or not. Empty
    packages' __init__.py are left out.
    """
    found, waiting = set(), [path]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
            files = [Path(name.replace(".", "/") + ".py") for name in names]
            waiting += [file for file in files if (ROOT / file).exists()]
    return found


def expected_code(stage: str) -> set[Path]:
    """Return the code that a stage depends on.

    The engine counts as one folder where it is used, and not just its initial weights; so does what
    reports, with the page's template.
    """
    name, _, item = stage.partition("@")
    modules = imported_modules(Path(f"stages/{name}.py"))
    if name == "evaluate":  # imports its back end by name
        modules |= imported_modules(Path(f"digits/backend_{item}.py"))
    for folder in (Path("digits/scratch"), Path("digits/reporting")):
        within = {module for module in modules if module.is_relative_to(folder)}
        modules = modules - within | {folder} if len(within) > 1 else modules
    return modules


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_exactly_the_code_that_a_stage_imports(stage):
    deps = {
        Path(dep.fs_path).relative_to(ROOT)
        for dep in STAGES[stage].deps
        if not hasattr(dep, "params")
    }
    code = {dep for dep in deps if dep.parts[0] in ("stages", "digits")}
    assert code == expected_code(stage)


@pytest.mark.parametrize(
    "package",
    ["digits", "stages", "digits/data", "digits/pictures", "digits/reporting", "digits/scratch"],
)
def test_packages_hold_no_code_that_deps_could_miss(package):
    (docstring,) = ast.parse((ROOT / package / "__init__.py").read_text()).body
    assert isinstance(docstring, ast.Expr)


def requirements_of(stage: str) -> set[str]:
    return {
        Path(dep.fs_path).name
        for dep in STAGES[stage].deps
        if Path(dep.fs_path).parent.name == "requirements"
    }


def test_a_frameworks_version_concerns_its_own_stages_only():
    for stage in STAGES:
        expected = {"base.txt"}
        expected |= {
            f"{name}.txt"
            for name in ("torch", "tf")
            if stage.startswith(f"train_{name}@") or stage == f"evaluate@{name}"
        }
        expected |= {"plots.txt"} if stage == "visualize" else set()
        assert requirements_of(stage) == expected, stage


def test_only_evaluate_and_visualize_see_the_test_set():
    for name, stage in STAGES.items():
        if name.startswith("train_"):
            deps = {
                str(Path(dep.fs_path).relative_to(ROOT))
                for dep in stage.deps
                if not hasattr(dep, "params")
            }
            assert {dep for dep in deps if dep.startswith("data")} == {
                "data/processed/preprocessing.json", "data/processed/train", "data/processed/validation",
            }  # fmt: skip


def modules_after(statement: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted(name.split('.')[0] for name in sys.modules))"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
    )


@pytest.mark.parametrize(
    "module", ["training", "model", "params", "backend_scratch", "data.inputs"]
)
def test_what_training_imports_brings_no_framework_and_nothing_slow(module):
    assert not modules_after(f"import digits.{module}") & (FRAMEWORKS | SLOW)


@pytest.mark.parametrize("module", ["predict", "demo"])
def test_using_a_model_brings_no_framework_and_nothing_slow(module):
    assert not modules_after(f"import digits.{module}, digits.backends.scratch.network") & (
        FRAMEWORKS | SLOW
    )


def test_a_back_end_brings_its_own_framework_only():
    assert modules_after("import digits.backends.torch.network") & FRAMEWORKS == {"torch"}
    assert modules_after("import digits.backends.tf.network") & FRAMEWORKS == {
        "tensorflow",
        "keras",
    }


def test_export_brings_no_framework_before_a_format_is_chosen_and_for_onnx_none_at_all():
    assert not modules_after("import digits.commands.export") & (
        FRAMEWORKS | {"onnx", "onnxruntime"}
    )
    assert not modules_after("import digits.export.onnx") & FRAMEWORKS


def test_the_engine_knows_numpy_and_scipy_alone():
    for path in (ROOT / "digits/scratch").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in {
                    "numpy",
                    "scipy",
                    *sys.stdlib_module_names,
                } or name.startswith("digits.scratch"), f"{path}: {name}"


def test_stages_never_import_each_other():
    for path in (ROOT / "stages").glob("*.py"):
        assert {
            module
            for module in imported_modules(path.relative_to(ROOT))
            if module.parts[0] == "stages"
        } == {path.relative_to(ROOT)}


def test_stages_are_small():
    for path in (ROOT / "stages").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 80, path
