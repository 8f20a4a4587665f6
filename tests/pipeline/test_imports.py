"""The import closure: which modules of the project a module runs."""

from pathlib import Path

import pytest

from digits.errors import InputError
from digits.pipeline.imports import import_closure


def write_files(folder: Path, files: dict[str, str]) -> Path:
    """Write texts under their paths, with an `__init__.py` in every package; return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for parent in path.relative_to(folder).parents:
            if parent.parts and path.suffix == ".py":
                (folder / parent / "__init__.py").touch()
    return folder


def closure_of(folder: Path, files: dict[str, str], **options: list[str]) -> set[str]:
    """Return the paths that stages/s.py runs, without those of the packages."""
    closure = import_closure(write_files(folder, files), ["stages.s"], **options)
    return {path for path in closure.sha256 if not path.endswith("__init__.py")}


@pytest.mark.parametrize(
    "statement",
    [
        "import digits.a.b",
        "import digits.a.b as c",
        "from digits.a import b",
        "from digits.a.b import x",
        "from digits.a.b import *",
        "def f():\n    from digits.a.b import x",
        "if x:\n    try:\n        import digits.a.b\n    except ImportError:\n        pass",
    ],
)
def test_every_kind_of_import_is_followed(tmp_path, statement):
    files = {"stages/s.py": statement, "digits/a/b.py": "x = 1", "digits/a/other.py": ""}
    assert closure_of(tmp_path, files) == {"stages/s.py", "digits/a/b.py"}


@pytest.mark.parametrize(
    "statement", ["from . import b", "from .b import x", "from ..a.b import x"]
)
def test_relative_imports_are_followed(tmp_path, statement):
    files = {"stages/s.py": "import digits.a.c", "digits/a/c.py": statement, "digits/a/b.py": ""}
    assert closure_of(tmp_path, files) == {"stages/s.py", "digits/a/b.py", "digits/a/c.py"}


def test_imports_of_imports_are_followed_in_circles_too(tmp_path):
    files = {
        "stages/s.py": "import digits.a",
        "digits/a.py": "import digits.b",
        "digits/b.py": "import digits.a",
    }
    assert closure_of(tmp_path, files) == set(files)


def test_packages_on_the_way_are_part_of_it(tmp_path):
    write_files(tmp_path, {"stages/s.py": "import digits.a.b", "digits/a/b.py": ""})
    (tmp_path / "digits/a/__init__.py").write_text("import digits.c")
    files = {"digits/c.py": "import numpy, json", "digits/a/unused.py": ""}
    closure = import_closure(write_files(tmp_path, files), ["stages.s"])
    assert set(closure.sha256) == {
        "digits/__init__.py", "digits/a/__init__.py", "digits/a/b.py", "digits/c.py",
        "stages/__init__.py", "stages/s.py",
    }  # fmt: skip
    assert closure.packages == {"numpy": "digits/c.py"}


def test_data_files_of_a_module_are_part_of_it(tmp_path):
    files = {
        "stages/s.py": "import digits.a.b",
        "digits/a/b.py": 'DATA_FILES = ("page.html",)',
        "digits/a/page.html": "<p>",
    }
    assert closure_of(tmp_path, files) == set(files)
    before = import_closure(tmp_path, ["stages.s"]).sha256
    (tmp_path / "digits/a/page.html").write_text("<p># </p>")
    after = import_closure(tmp_path, ["stages.s"]).sha256
    assert {path for path in after if after[path] != before[path]} == {"digits/a/page.html"}


def test_packages_without_effect_are_left_out(tmp_path):
    files = {
        "stages/s.py": "import digits.a.b, digits.c",
        "digits/a/b.py": "import digits.d",
        "digits/c.py": "",
        "digits/d.py": "",
    }
    assert closure_of(tmp_path, files, without=["digits.a"]) == {"stages/s.py", "digits/c.py"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", r"stages/s\.py: is not Python: invalid syntax"),
        ("DATA_FILES = ('gone.html',)", r"stages/s\.py: DATA_FILES names .*stages/gone\.html: No"),
    ],
)
def test_module_that_cannot_be_hashed_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        closure_of(tmp_path, {"stages/s.py": text})


def test_root_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InputError, match=r"has no module digits\.gone"):
        import_closure(write_files(tmp_path, {"digits/a.py": ""}), ["digits.gone"])
