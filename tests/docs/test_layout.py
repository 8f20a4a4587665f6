"""docs/layout.md names every module and every folder."""

import pytest

from digits.errors import InputError
from tests.support.clone import list_files
from tests.support.paths import ROOT
from tools.layout import escape, format_layout, list_floors, summarize
from tools.measured_docs import render

PAGE = (ROOT / "docs/layout.md").read_text()


def test_the_page_is_as_generated():
    assert render("docs/layout.md", PAGE, ROOT) == PAGE


def test_every_module_has_a_line():
    lines = format_layout(ROOT)
    for name in list_files():
        folder, _, file = name.rpartition("/")
        if name.endswith(".py") and folder.split("/")[0] not in ("", "tests"):
            expected = f"](../{folder}): " if file == "__init__.py" else f"](../{name}): "
            assert lines.count(expected) == 1, name


def test_every_tracked_folder_at_the_top_has_a_row():
    for folder in {name.split("/")[0] for name in list_files() if "/" in name}:
        assert f"`{folder}/`" in PAGE, folder


def test_a_package_stands_below_those_that_it_imports():
    names = [path.name for path in list_floors(ROOT)]
    assert names.index("errors.py") < names.index("base") < names.index("training")
    assert names.index("training") < names.index("backends") < names.index("commands")


def test_the_line_is_the_first_sentence_of_the_docstring(tmp_path):
    (tmp_path / "a.py").write_text('"""Write <name>.md and `x < y`: all\nof it. More.\n\nMore."""')
    assert summarize(tmp_path / "a.py") == r"Write \<name>.md and `x < y`: all of it."


def test_a_module_without_a_docstring_is_named(tmp_path):
    (tmp_path / "a.py").write_text("a = 1\n")
    with pytest.raises(InputError, match=r"a\.py: has no docstring"):
        summarize(tmp_path / "a.py")


def test_inline_code_stays_as_it_is():
    assert escape("a * b `a * b` <c>") == r"a \* b `a * b` \<c>"
