"""Read sections of params.yaml, strictly. A package with a stage defines its section's schema.

A `Section` defines its keys and their types. Unknown keys, missing keys and wrong types are errors
of one line. Like DVC, this module reads the file as YAML 1.2: `1e-4` is a number (a string in YAML
1.1).
"""

from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits.errors import InputError

PARAMS = Path("params.yaml")

Framework = Literal["torch", "tf", "scratch"]
FRAMEWORKS: tuple[Framework, ...] = ("torch", "tf", "scratch")

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
RUN_NAMES = TypeAdapter(dict[RunName, Any])

# The settings outside the sections, with their types.
GLOBAL_TYPES: dict[str, Any] = {
    "seed": NonNegativeInt,
    "threads": PositiveInt,
    "processes": PositiveInt,
    "device": Literal["auto", "cpu", "cuda"],
    "portable": bool,
}

T = TypeVar("T")


class Section(BaseModel):
    """A mapping of params.yaml: known keys only, strict types, immutable."""

    model_config = ConfigDict(frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def check_keys(cls, values: Any) -> Any:
        """Raise an error for an unknown key, and name the known ones."""
        known = cls.model_fields
        unknown = [key for key in values if key not in known] if isinstance(values, dict) else []
        if unknown:
            raise PydanticCustomError(
                "key",
                "has the unknown key {key}; expected: {expected}",
                {"key": repr(unknown[0]), "expected": ", ".join(known) or "no options"},
            )
        return values


def read_params(path: Path = PARAMS) -> dict[str, Any]:
    """Return the mapping in params.yaml, unchecked; raise InputError if it cannot be read."""
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except YAMLError as error:
        raise InputError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: the file is {data!r}; expected a mapping")
    return data


def load_section(type_: Any, *keys: str, path: Path = PARAMS, data: Any = None) -> Any:
    """Return the value under `keys`, such as ("train_torch", "cnn"), as `type_`.

    `data` is the result of `read_params`, if the file was read before. Raises InputError if a key
    is missing or the value does not have that type.
    """
    whole = read_params(path) if data is None else data
    value = whole
    for number, key in enumerate(keys):
        if not isinstance(value, dict):
            where = ".".join(keys[:number])
            raise InputError(f"{path}: {where} is {value!r}; expected a mapping")
        if key not in value:
            raise InputError(f"{path}: {'.'.join(keys[: number + 1])} is missing")
        value = value[key]
    try:
        return TypeAdapter(type_).validate_python(value, strict=True)
    except ValidationError as error:
        raise_first_fault(error, keys, whole, path)


def load_global(name: str, path: Path = PARAMS, data: Any = None) -> Any:
    """Return seed, threads, processes, device or portable."""
    return load_section(GLOBAL_TYPES[name], name, path=path, data=data)


def load_run_names(framework: str, path: Path = PARAMS, data: Any = None) -> list[str]:
    """Return the names of a framework's runs, in the order of params.yaml."""
    whole = read_params(path) if data is None else data
    section = f"train_{framework}"
    runs = load_section(dict[RunName, Any], section, path=path, data=whole)
    return list(runs)


def raise_first_fault(
    error: ValidationError, keys: tuple[str, ...], data: Any, where: Path | str
) -> NoReturn:
    """Raise InputError with the first fault that pydantic found in the value under `keys`."""
    faults = error.errors()
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    first: ErrorDetails = {**faults[0], "loc": (*keys, *faults[0]["loc"])}
    raise InputError(f"{where}: {format_fault(first, data)}{more}") from None


def format_fault(fault: ErrorDetails, data: Any) -> str:
    """Return "where is 'value'; expected ..." for a fault that pydantic found in `data`."""
    where = format_path(fault["loc"], data)
    match fault["type"]:
        case "missing":
            return f"{where} is missing"
        case "value_error":
            return str(fault["ctx"]["error"])
        case "key" | "missing_key":
            return f"{where} {fault['msg']}"
        case "literal_error":
            names = fault["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
            expected = f"one of: {names}"
        case "union_tag_invalid":
            expected = "one of: " + fault["ctx"]["expected_tags"].replace("'", "")
        case _:
            expected = fault["msg"].removeprefix("Input should be ")
    return f"{where} is {fault['input']!r}; expected {expected}"


def format_path(location: tuple[Any, ...], data: Any) -> str:
    """Return a fault's path as params.yaml spells it, without pydantic's own tags."""
    path = ""
    for position, step in enumerate(location):
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and step in range(len(data))
        ):
            data = data[step]
        elif position < len(location) - 1 or step == "[key]":
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".") or "the file"
