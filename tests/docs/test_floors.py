"""Every package of digits/ has a floor in pyproject.toml; import-linter checks the imports."""

import re
import tomllib

from tests.support.paths import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def test_every_package_has_exactly_one_floor():
    (floors,) = (contract["layers"] for contract in CONTRACTS if contract["id"] == "floors")
    named = [name for floor in floors for name in re.split(r" [|:] ", floor)]
    top = [path for path in (ROOT / "digits").iterdir() if path.suffix in ("", ".py")]
    modules = {f"digits.{path.stem}" for path in top} - {"digits.__init__", "digits.__pycache__"}
    assert sorted(named) == sorted(modules | {"stages"})


def test_the_packages_on_a_floor_do_not_import_each_other():
    # import-linter: packages joined by "|" are independent, and by ":" are not.
    (floors,) = (contract["layers"] for contract in CONTRACTS if contract["id"] == "floors")
    assert not [floor for floor in floors if " : " in floor]
