"""Cutting comments, docstrings and blank lines out of a module's source."""

import ast

import pytest

from digits.pipeline.source import strip_source
from tests.support.paths import ROOT

CODE = '''"""About the module.

With a # and a blank line."""

import math  # for pi
# A comment of its own.


@decorated  # a comment beside a decorator
class Ring:
    """About the class."""

    radius = "#ff0000"  # a comment after a string

    def area(self):
        r"""About the function."""
        return math.pi * self.radius**2   \t

    async def grow(self): "é is no letter of ASCII"; return "é"  # ç

'''
STRIPPED = """import math
@decorated
class Ring:
    radius = "#ff0000"
    def area(self):
        return math.pi * self.radius**2
    async def grow(self): ; return "é"
"""


def test_comments_docstrings_and_blank_lines_are_cut():
    assert strip_source(CODE) == STRIPPED


@pytest.mark.parametrize(
    "code",
    [
        'text = """\n\n# no comment\n   \nend"""\n',
        'text = f"""{1}\n\n# no comment {\n\n2}  \n"""\n',
        "text = f'{a!r:>{width}} # {{no comment}}'\n",
        "text = 'é' f'ü{a}' r'#' + rb'\\0#'\n",
        "text = 'no \\\n# comment'\n",
        "x = 1\n'About x: a string, and no docstring.'\n",
        "def f():\n    x = 1\n    'no docstring'\n",
        "f'no {docstring}'\n",
        "b'no docstring'\n",
    ],
)
def test_other_strings_stay_as_they_are(code):
    assert strip_source(code) == code


def test_comment_beside_an_f_string_of_several_lines_is_cut():
    assert strip_source('a = f"""é{b}\n#\n"""  # c\n') == 'a = f"""é{b}\n#\n"""\n'


def test_docstring_in_several_pieces_is_cut():
    assert strip_source('def f():\n    ("a"  # one\n     "b")\n    return 1\n') == (
        "def f():\n    ()\n    return 1\n"
    )


@pytest.mark.parametrize(
    ("code", "other"),
    [("x = 1\n", "x = 2\n"), ("x = 'a'\n", "x = 'b'\n"), ("x = a + b\n", "x = (a + b)\n")],
)
def test_any_other_change_changes_the_text(code, other):
    assert strip_source(code) != strip_source(other)


def test_line_endings_do_not_count():
    assert strip_source(CODE.replace("\n", "\r\n")) == STRIPPED


def test_code_that_is_not_python_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        strip_source("def f(:\n")


def without_docstrings(source: str) -> str | None:
    """Return the syntax tree as text; None if some body holds nothing but a docstring."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            del node.body[0]
            if not node.body:
                return None
    return ast.dump(tree)


def test_what_is_left_of_every_module_means_the_same():
    checked = 0
    for path in (ROOT / "digits").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        expected = without_docstrings(source)
        if expected is not None:
            assert ast.dump(ast.parse(strip_source(source))) == expected, path
            checked += 1
    assert checked > 50
