"""The pins of third-party packages and of their requirements, from a lock that uv compiled.

uv notes below each pin which packages require it:

    scipy==1.17.1
        # via
        #   digits (pyproject.toml)
        #   scikit-learn
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from digits.errors import InputError

# Import names that differ from the names of their distributions.
DISTRIBUTIONS = {
    "PIL": ("pillow",),
    "mpl_toolkits": ("matplotlib",),
    "ruamel": ("ruamel-yaml",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "yaml": ("pyyaml",),
}


@dataclass
class Pins:
    """The pins in a lock, by the names of the distributions.

    lines  "name==version", some with "; marker"; several if they differ from system to system
    needs  the distributions that each distribution requires
    """

    path: Path
    lines: dict[str, list[str]] = field(default_factory=dict)
    needs: dict[str, set[str]] = field(default_factory=dict)


def read_pins(path: Path) -> Pins:
    """Return the pins in a lock; raise InputError if it cannot be read or has no annotations."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; run `make lock`") from None
    if "# via" not in text:
        raise InputError(f"{path}: has no '# via' below its pins; run `make lock`")
    pins = Pins(path)
    name = ""
    for line in text.splitlines():
        if pin := re.match(r"([\w.-]+)(\[.*\])?==[^\\]*", line):
            name = normalize_name(pin[1])
            pins.lines.setdefault(name, []).append(pin[0].strip())
        # A package's name alone: neither "via" nor a file, as in "digits (pyproject.toml)".
        elif (via := re.fullmatch(r" +# +(?:via )?([\w.-]+)", line)) and via[1] != "via":
            pins.needs.setdefault(normalize_name(via[1]), set()).add(name)
    return pins


def normalize_name(name: str) -> str:
    """Return a distribution's name as locks spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def collect_pins(pins: Pins, packages: Mapping[str, str], without: Collection[str]) -> list[str]:
    """Return the pins of packages and of their requirements, sorted.

    `packages` has each package's import name, and a module that imports it. The distributions in
    `without` are left out, and so is what only they require. Raises InputError for a package
    without a pin.
    """
    waiting: list[str] = []
    for package, module in packages.items():
        names = DISTRIBUTIONS.get(package, (normalize_name(package),))
        found = [name for name in names if name in pins.lines]
        if not found and not set(names) & set(without):
            raise InputError(
                f"{pins.path}: has no pin of {names[0]}, which {module} imports; "
                "add it to pyproject.toml and run `make lock`"
            )
        waiting += found
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached and name not in without:
            reached.add(name)
            waiting += pins.needs.get(name, ())
    return sorted(line for name in reached for line in pins.lines[name])
