"""What a search may try for the keys of a run's recipe: learning_rate=0.001..0.02:log,
batch_size=64,128,256, augmentation.rotation=0..15.

A range of whole numbers gives whole numbers, any other range gives numbers of four digits; `:log`
spreads them evenly over the powers of ten. A dot leads into a nested mapping. A space is a dict
from key to one of Optuna's distributions, a point in it one from key to value.
"""

import itertools
import math
from collections.abc import Iterable
from typing import Any, cast

from optuna import Trial
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, YAMLError

from digits.errors import InputError
from digits.training.params import Params, Recipe, check_run, format_fault

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution
Space = dict[str, Distribution]
Point = dict[str, Any]

EXPECTED = "a key of the recipe and what to try, as in learning_rate=0.001..0.02:log or batch_size=64,128,256"
DEFAULT_FACTOR = 4  # how far the learning rate goes, up and down, where nobody says what to try


def parse_space(texts: Iterable[str]) -> Space:
    """Return the space that the texts, KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=VALUE,VALUE,
    describe; raise InputError with a bad one.
    """
    space: Space = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not (key and equals and values):
            raise InputError(f"--try is {text!r}; expected {EXPECTED}")
        for other in space:
            if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
                raise InputError(f"--try {text}: {other} is tried already")
        try:
            space[key] = parse_values(values)
        except ValueError as error:
            raise InputError(f"--try is {text!r}: {error}; expected {EXPECTED}") from None
    return space


def parse_values(text: str) -> Distribution:
    """Return the distribution that "0.001..0.02:log" or "64,128,256" stands for; raise ValueError
    where it stands for none.
    """
    if ".." not in text:
        choices = [parse_scalar(choice) for choice in text.split(",")]
        if len(set(map(repr, choices))) < len(choices):
            raise ValueError("a value is there twice")
        return CategoricalDistribution(choices)
    low_text, _, rest = text.partition("..")
    log = rest.endswith(":log")
    low, high = parse_scalar(low_text), parse_scalar(rest.removesuffix(":log"))
    if not (is_number(low) and is_number(high) and low < high):
        raise ValueError("a range goes from a number to a larger one")
    if log and low <= 0:
        raise ValueError("a range with :log begins above 0")
    return (
        IntDistribution(low, high, log)
        if isinstance(low, int) and isinstance(high, int)
        else FloatDistribution(low, high, log)
    )


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def parse_scalar(text: str) -> Any:
    """Return the number, string, truth value or null that params.yaml would have in `text`; raise
    ValueError where it is none of these.
    """
    try:
        value = YAML(typ="safe").load(text) if text.strip() else []
    except YAMLError:
        value = []
    if not isinstance(value, str | int | float | None):
        raise ValueError(f"{text!r} is no single value")
    return value


def format_space(space: Space) -> dict[str, str]:
    """Return what parse_values makes the space of, by key."""
    return {key: format_values(distribution) for key, distribution in space.items()}


def format_values(distribution: Distribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return ",".join(map(format_scalar, distribution.choices))
    return f"{distribution.low}..{distribution.high}" + (":log" if distribution.log else "")


def format_scalar(value: Any) -> str:
    """Return a value as YAML writes it, where that differs from Python's way."""
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


def format_point(point: Point) -> str:
    """Return a point's keys and values, as in "learning_rate 0.004, batch_size 64"."""
    return ", ".join(f"{key} {format_scalar(value)}" for key, value in point.items())


def default_space(recipe: Recipe, where: str) -> Space:
    """Return a small space around a recipe: its learning rate and its batch size."""
    if recipe.learning_rate is None or recipe.batch_size is None:
        raise InputError(
            f"{where} has no learning_rate; say what to try, as in --try l2=0.00001..0.001:log"
        )
    low, high = (
        float(f"{rate:.4g}")
        for rate in (recipe.learning_rate / DEFAULT_FACTOR, recipe.learning_rate * DEFAULT_FACTOR)
    )
    batch_sizes = [
        size for size in (recipe.batch_size // 2, recipe.batch_size, 2 * recipe.batch_size) if size
    ]
    return {
        "learning_rate": FloatDistribution(low, high, log=True),
        "batch_size": CategoricalDistribution(batch_sizes),
    }


def corners(space: Space) -> Iterable[Point]:
    """Yield every combination of the ends of the ranges and of all values to choose from."""
    return (
        dict(zip(space, values, strict=True))
        for values in itertools.product(*map(ends, space.values()))
    )


def ends(distribution: Distribution) -> tuple[Any, ...]:
    """Return the ends of a range, or all values to choose from."""
    return (
        distribution.choices
        if isinstance(distribution, CategoricalDistribution)
        else (distribution.low, distribution.high)
    )


def first_corner(space: Space) -> Point:
    return next(iter(corners(space)))


def check_space(params: Params, framework: str, run: str, space: Space) -> None:
    """Raise InputError unless every corner of the space is a recipe that params.yaml might have."""
    for point in corners(space):
        with_values(params, framework, run, point, space)


def draw(trial: Trial, params: Params, framework: str, run: str, space: Space) -> Point:
    """Return a point that the trial draws: the keys that its optimizer uses, with their values."""
    point: Point = {}
    # First the optimizer, which says what else there is to draw.
    for key in sorted(space, key=lambda key: key != "optimizer"):
        if is_used(params, framework, run, space, point, key):
            distribution = space[key]
            if isinstance(distribution, CategoricalDistribution):
                trial.suggest_categorical(key, distribution.choices)
            elif isinstance(distribution, IntDistribution):
                trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log)
            else:
                trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log)
            point[key] = read_point(trial.params, space)[key]
    return point


def is_used(params: Params, framework: str, run: str, space: Space, point: Point, key: str) -> bool:
    """Return whether a recipe with the optimizer of `point` uses the key."""
    corner = first_corner(space) | (
        {"optimizer": point["optimizer"]} if "optimizer" in point else {}
    )
    return (
        key.split(".")[0]
        in with_values(params, framework, run, corner, space)
        .recipe(framework, run)
        .model_fields_set
    )


def read_point(drawn: Point, space: Space) -> Point:
    """Return what a trial drew as it is trained with and written: floats to four digits."""

    def tidy(value: Any, distribution: Distribution) -> Any:
        if isinstance(distribution, FloatDistribution):
            return min(max(float(f"{value:.4g}"), distribution.low), distribution.high)
        return value

    return {key: tidy(value, space[key]) for key, value in drawn.items()}


def own_point(recipe: Recipe, space: Space) -> Point:
    """Return those of the recipe's own values that lie in the space."""
    point: Point = {}
    for key, distribution in space.items():
        value: Any = recipe.model_dump()
        for step in key.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(distribution, CategoricalDistribution):
            held = value in distribution.choices
        else:
            kinds = int | float if isinstance(distribution, FloatDistribution) else int
            held = isinstance(value, kinds) and distribution.low <= value <= distribution.high
        if held:
            point[key] = value
    return point


def with_values(
    params: Params, framework: str, run: str, point: Point, space: Space, option: str = "--try"
) -> Params:
    """Return the parameters with the point's values in the run's recipe; raise InputError where
    params.yaml might not have them.

    The values came from `option`. Where the space has several optimizers, what the point's
    optimizer does not use is left out.
    """
    section = f"train_{framework}"
    old = params.recipe(framework, run)
    values = old.model_dump(exclude_unset=True)
    for key, value in point.items():
        *path, leaf = key.split(".")
        mapping = values
        for step in path:
            if not isinstance(mapping.get(step), dict):
                mapping[step] = {}
            mapping = mapping[step]
        mapping[leaf] = value
    while True:
        try:
            recipe = type(old).model_validate(values)
            check_run(params.architectures, recipe, f"{section}.{run}")
            break
        except ValidationError as error:
            fault = error.errors()[0]
            if (
                fault["type"] == "key"
                and "optimizer" in fault.get("ctx", {})
                and "optimizer" in space
            ):
                del values[fault["ctx"]["key"]]
                continue
            located = cast(ErrorDetails, {**fault, "loc": (section, run, *fault["loc"])})
            raise InputError(
                f"{option}: {format_fault(located, {section: {run: values}})}"
            ) from None
        except ValueError as error:
            raise InputError(f"{option}: {error}") from None
    return params.model_copy(update={section: {**params.runs(framework), run: recipe}})
