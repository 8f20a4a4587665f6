"""The search space: the values that a search may try for the keys of a run's recipe.

    learning_rate=0.001..0.02:log     a range; :log spreads it evenly over the powers of ten
    batch_size=64,128,256             values to choose from
    augmentation.rotation=0..15       a key of a nested mapping

A range of whole numbers gives whole numbers. Any other range gives numbers with four significant
digits. A space is a dict from key to one of Optuna's distributions. A point in it is a dict from
key to value.
"""

import itertools
import math
from collections.abc import Iterable
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits.errors import InputError
from digits.training.params import Recipe
from digits.tuning.points import Point, format_scalar, value_at

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution
Space = dict[str, Distribution]

EXPECTED = (
    "a key of the recipe and the values to try, such as learning_rate=0.001..0.02:log "
    "or batch_size=64,128,256"
)
DEFAULT_FACTOR = 4  # the default space: from the run's learning rate / 4 to 4 times it


def parse_space(texts: Iterable[str]) -> Space:
    """Return the space that texts such as "learning_rate=0.001..0.02:log" describe.

    Raises InputError with the first text that has a fault.
    """
    space: Space = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not (key and equals and values):
            raise InputError(f"--try is {text!r}; expected {EXPECTED}")
        for other in space:
            if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
                raise InputError(f"--try is {text!r}: it overlaps {other}; name each key once")
        try:
            space[key] = parse_values(values)
        except ValueError as error:
            raise InputError(f"--try is {text!r}: {error}; expected {EXPECTED}") from None
    return space


def parse_values(text: str) -> Distribution:
    """Return the distribution that "0.001..0.02:log" or "64,128,256" describes.

    Raises ValueError, which names the fault, for any other text.
    """
    if ".." in text:
        return parse_range(text)
    choices = [parse_scalar(choice) for choice in text.split(",")]
    if len(set(map(repr, choices))) < len(choices):
        raise ValueError("a value occurs twice")
    return CategoricalDistribution(choices)


def parse_range(text: str) -> Distribution:
    """Return the distribution that "0.001..0.02:log" describes; raise ValueError with a fault."""
    low_text, _, rest = text.partition("..")
    log = rest.endswith(":log")
    low, high = parse_scalar(low_text), parse_scalar(rest.removesuffix(":log"))
    if not (is_number(low) and is_number(high) and low < high):
        raise ValueError("a range needs a number and a larger number")
    if log and low <= 0:
        raise ValueError("a range with :log must start above 0")
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log)
    return FloatDistribution(low, high, log)


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number. A boolean is not one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def parse_scalar(text: str) -> Any:
    """Return the number, string, boolean or null that the text would be in params.yaml.

    Raises ValueError if it would be anything else.
    """
    try:
        value = YAML(typ="safe").load(text) if text.strip() else []
    except YAMLError:
        value = []
    if not isinstance(value, str | int | float | None):
        raise ValueError(f"{text!r} is not a single value")
    return value


def format_space(space: Space) -> dict[str, str]:
    """Return the text of each key's values, as `parse_values` reads it."""
    return {key: format_values(distribution) for key, distribution in space.items()}


def format_values(distribution: Distribution) -> str:
    """Return the text that `parse_values` reads as this distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return ",".join(map(format_scalar, distribution.choices))
    return f"{distribution.low}..{distribution.high}" + (":log" if distribution.log else "")


def default_space(recipe: Recipe, where: str) -> Space:
    """Return a small space around a recipe: its learning rate and its batch size.

    Raises InputError, which names `where` it is, if the recipe lacks one of them.
    """
    if recipe.learning_rate is None or recipe.batch_size is None:
        advice = "name what to try, such as --try l2=0.00001..0.001:log"
        raise InputError(f"{where} has no learning_rate; {advice}")
    low = to_four_digits(recipe.learning_rate / DEFAULT_FACTOR)
    high = to_four_digits(recipe.learning_rate * DEFAULT_FACTOR)
    batch_sizes = (recipe.batch_size // 2, recipe.batch_size, 2 * recipe.batch_size)
    return {
        "learning_rate": FloatDistribution(low, high, log=True),
        "batch_size": CategoricalDistribution([size for size in batch_sizes if size]),
    }


def to_four_digits(number: float) -> float:
    """Return a number rounded to four significant digits."""
    return float(f"{number:.4g}")


def corners(space: Space) -> Iterable[Point]:
    """Yield every combination of the ends of the ranges and of all values to choose from."""
    for values in itertools.product(*map(ends, space.values())):
        yield dict(zip(space, values, strict=True))


def ends(distribution: Distribution) -> tuple[Any, ...]:
    """Return the ends of a range, or all values to choose from."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    return distribution.low, distribution.high


def read_point(drawn: Point, space: Space) -> Point:
    """Return the values of a trial for training and writing: floats are rounded to four digits."""
    return {key: tidy(value, space[key]) for key, value in drawn.items()}


def tidy(value: Any, distribution: Distribution) -> Any:
    """Round a float of a range, but keep it inside the range; return any other value unchanged."""
    if isinstance(distribution, FloatDistribution):
        return min(max(to_four_digits(value), distribution.low), distribution.high)
    return value


def own_point(recipe: Recipe, space: Space) -> Point:
    """Return the recipe's own values that lie in the space."""
    values = {key: value_at(recipe, key) for key in space}
    return {key: value for key, value in values.items() if holds(space[key], value)}


def holds(distribution: Distribution, value: Any) -> bool:
    """Return whether a distribution contains a value."""
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    kinds = int | float if isinstance(distribution, FloatDistribution) else int
    return isinstance(value, kinds) and distribution.low <= value <= distribution.high
