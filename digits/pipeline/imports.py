"""The modules of this project that a module runs: its imports, their imports, and so on.

They are read from the source code, without importing it. An import inside a function counts like
any other. A module that is loaded by name has no import statement, so the caller lists it as a
root.
"""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from digits.errors import InputError
from digits.pipeline.source import statements, strip_source

OWN_PACKAGES = ("digits", "stages")


@dataclass(frozen=True)
class Module:
    """The contents of one source file.

    sha256      of its code, without comments, docstrings and blank lines
    imports     full names of modules, or of their attributes ("digits.base.files.read_json")
    data_files  the literal DATA_FILES: the files beside the module that it reads
    """

    sha256: str
    imports: tuple[str, ...]
    data_files: tuple[str, ...]


@dataclass
class Closure:
    """All code that a set of modules runs.

    sha256    of the project's modules and data files, by path from the checkout's root
    packages  third-party packages by import name, each with the path of a module that imports it
    """

    sha256: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)


def import_closure(root: Path, roots: Iterable[str], without: Iterable[str] = ()) -> Closure:
    """Return what the modules named in `roots` run, in the checkout `root`.

    The packages in `without` and their imports are left out. Raises InputError if a root does not
    exist or a module is not Python.
    """
    closure = Closure()
    waiting = list(roots)
    for name in waiting:
        if module_file(root, name) is None:
            raise InputError(f"{root}: has no module {name}")
    while waiting:
        name = waiting.pop()
        if is_within(name, without):
            continue
        for path in source_files(root, name):
            if path not in closure.sha256:
                waiting += add_module(root, path, closure)
    return closure


def add_module(root: Path, path: str, closure: Closure) -> list[str]:
    """Add one module, its data files and its third-party packages; return its other imports."""
    module = read_module(root, path)
    closure.sha256[path] = module.sha256
    for name in module.data_files:
        data_file = (Path(path).parent / name).as_posix()
        closure.sha256[data_file] = hash_data_file(root / data_file, path)
    own = []
    for name in module.imports:
        package = name.split(".")[0]
        if package in OWN_PACKAGES:
            own.append(name)
        elif package not in sys.stdlib_module_names:
            closure.packages.setdefault(package, path)
    return own


def is_within(name: str, packages: Iterable[str]) -> bool:
    """Return whether a module is one of the packages, or in one of them."""
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def module_file(root: Path, name: str) -> str | None:
    """Return the path of a module's or a package's source; None if there is none."""
    path = name.replace(".", "/")
    found = [file for file in (f"{path}/__init__.py", f"{path}.py") if (root / file).is_file()]
    return found[0] if found else None


def source_files(root: Path, name: str) -> Iterator[str]:
    """Yield the sources of the packages above a module, then its own.

    The last part of the name may be an attribute of a module, which has no source.
    """
    parts = name.split(".")
    for number in range(1, len(parts) + 1):
        if path := module_file(root, ".".join(parts[:number])):
            yield path


def read_module(root: Path, path: str) -> Module:
    """Return the contents of a source file; raise InputError if it is not Python."""
    package = Path(path).parent.as_posix().replace("/", ".")
    try:
        return parse_module((root / path).read_text("utf-8-sig"), package)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{root / path}: is not Python: {error}") from None


@lru_cache(maxsize=1024)
def parse_module(source: str, package: str) -> Module:
    """Return the contents of a module's source; `package` is the package that it is in."""
    imports: set[str] = set()
    data_files: tuple[str, ...] = ()
    tree = ast.parse(source)
    for node in statements(tree):
        match node:
            case ast.Import():
                imports |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                imports |= imported_from(node, package)
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="DATA_FILES")]):
                data_files = tuple(ast.literal_eval(statement.value))
    code = strip_source(source, tree)
    return Module(hashlib.sha256(code.encode()).hexdigest(), tuple(sorted(imports)), data_files)


def imported_from(node: ast.ImportFrom, package: str) -> set[str]:
    """Return the full names in a `from … import …`, which may be relative to the package."""
    module = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        module = ".".join([*above, module] if module else above)
    return {f"{module}.{alias.name}" for alias in node.names}


def hash_data_file(path: Path, module: str) -> str:
    """Return the SHA-256 digest of a data file of a module; raise InputError if it is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{module}: DATA_FILES names {path}: {error.strerror}") from None
