"""A module's code without the parts that change no effect: comments, docstrings, blank lines.

They are cut out by position. The rest is the author's own text, so it is the same on every Python.
(The text of `ast.dump` and `ast.unparse` differs from Python to Python.)
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

# Replaces a line break inside a string. A Python source file cannot contain this character.
BREAK = "\0"
# From Python 3.12 an f-string is several tokens, from 3.14 a template string too.
STRING_STARTS = ("FSTRING_START", "TSTRING_START")
STRING_ENDS = ("FSTRING_END", "TSTRING_END")


class Span(NamedTuple):
    """A part of a text, from `start` to before `end`: a string to keep, or a part to cut."""

    start: int
    is_kept: bool
    end: int


def strip_source(source: str, tree: ast.Module | None = None) -> str:
    """Return the source without comments, docstrings, blank lines and trailing white space.

    Strings that are not docstrings keep every character. `tree` is the parsed source, if it was
    parsed already. Raises SyntaxError.
    """
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    # Where each line begins, by its number, from 1.
    starts = [0, *accumulate((len(line) + 1 for line in lines), initial=0)]
    # A docstring sorts before the string token at its place, so the loop skips the token.
    docstrings = docstring_spans(tree or ast.parse(text), lines, starts)
    spans = sorted([*docstrings, *token_spans(text, starts)])
    kept, end = [], 0
    for span in spans:
        if span.start < end:
            continue
        kept.append(text[end : span.start])
        if span.is_kept:
            kept.append(text[span.start : span.end].replace("\n", BREAK))
        end = span.end
    kept.append(text[end:])
    stripped = [line.rstrip() for line in "".join(kept).split("\n")]
    return "".join(f"{line}\n" for line in stripped if line).replace(BREAK, "\n")


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and the statements below it. Expressions, which are most nodes, are skipped."""
    yield node
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, block, ()):
            yield from statements(child)


def docstring_spans(tree: ast.Module, lines: list[str], starts: list[int]) -> Iterator[Span]:
    """Yield the docstrings of the module, its classes and its functions."""

    def offset(row: int, column: int) -> int:
        # ast counts columns in bytes of UTF-8.
        return starts[row] + len(lines[row - 1].encode()[:column].decode())

    for node in statements(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        match node.body:
            case [ast.Expr(value=ast.Constant(value=str()) as found), *_]:
                assert found.end_lineno is not None
                assert found.end_col_offset is not None
                start = offset(found.lineno, found.col_offset)
                yield Span(start, False, offset(found.end_lineno, found.end_col_offset))


def token_spans(text: str, starts: list[int]) -> Iterator[Span]:
    """Yield the comments, which are cut, and the strings, which are kept.

    An f-string is one span on every Python, although it is several tokens from Python 3.12 on. Ends
    are computed from the text, because Python 3.12.1 gives wrong ends of strings of several lines.
    """
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        start = starts[token.start[0]] + token.start[1]
        name = tokenize.tok_name[token.type]
        if name in STRING_STARTS:
            opened.append(start)
        elif name in STRING_ENDS:
            yield Span(opened.pop(), True, start + len(token.string))
        elif name in ("STRING", "COMMENT"):
            yield Span(start, name == "STRING", start + len(token.string))
