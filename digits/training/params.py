"""The sections `train_torch`, `train_tf` and `train_scratch` of params.yaml: a recipe for each run.

Every key is required unless its absence means "not used".
"""

from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, PositiveInt, field_validator, model_validator
from pydantic_core import PydanticCustomError

from digits.base.params import Fraction, NonNegativeFloat, PositiveFloat, Section

# The optimizers that take the whole training split at once. Only the engine has them.
MINIMIZERS = ("conjugate_gradient", "l_bfgs")
# The keys of mini-batch descent, and those that each optimizer needs.
DESCENT_KEYS = {"batch_size", "learning_rate", "schedule"}
NEEDED_KEYS = {"sgd": DESCENT_KEYS | {"momentum"}, "adam": DESCENT_KEYS}


class AdamConstants(NamedTuple):
    """The constants of Adam as its authors set them (Kingma and Ba, 2015), in every framework."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8


ADAM = AdamConstants()


class Augmentation(Section):
    """The largest distortions of a training image. They are redrawn every epoch."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0  # degrees
    shift: Annotated[float, Field(ge=0, le=28)] = 0.0  # pixels
    # 0.1: a factor from 1 / 1.1 to 1.1, drawn separately for height and width.
    scale: Annotated[float, Field(ge=0, le=1)] = 0.0
    shear: Annotated[float, Field(ge=0, lt=80)] = 0.0  # degrees
    # The standard deviation of a pixel's displacement, in pixels.
    elastic: Annotated[float, Field(ge=0, le=14)] = 0.0
    flip: bool = False  # left to right with probability 1/2: for clothes, not for digits


class Recipe(Section):
    """How one run trains, by mini-batch descent."""

    architecture: str
    initializer: Literal["he", "xavier"]
    optimizer: Literal["sgd", "adam"]
    epochs: PositiveInt
    batch_size: PositiveInt | None = None
    learning_rate: PositiveFloat | None = None
    schedule: Literal["constant", "cosine", "one_cycle"] | None = None
    momentum: Fraction | None = None
    nesterov: bool = False
    l2: NonNegativeFloat = 0.0
    pixels: Literal["all", "kept"] = "all"
    label_smoothing: Fraction = 0.0
    augmentation: Augmentation | None = None

    @field_validator("optimizer", mode="before")
    @classmethod
    def check_minimizer(cls, name: Any) -> Any:
        """Raise an error that names the engine if another framework asks for a minimizer."""
        if name in MINIMIZERS and not issubclass(cls, ScratchRecipe):
            text = "is '{name}'; expected one of: sgd, adam ({name} is for scratch only)"
            raise PydanticCustomError("key", text, {"name": name})
        return name

    @model_validator(mode="after")
    def check_optimizer_keys(self) -> Self:
        """Raise unless the recipe has the keys that its optimizer uses, and no others."""
        optimizer = self.optimizer
        needed = NEEDED_KEYS.get(optimizer, set())
        if self.nesterov and not self.momentum:
            text = "has nesterov, which needs sgd with a momentum above 0"
            raise PydanticCustomError("key", text, {})
        given = {key for key in DESCENT_KEYS | {"momentum"} if getattr(self, key) is not None}
        for key in sorted(needed - given):
            keys = {"key": key, "optimizer": optimizer}
            raise PydanticCustomError("missing_key", "lacks {key}, which {optimizer} needs", keys)
        if self.augmentation and not needed:
            given.add("augmentation")
        for key in sorted(given - needed):
            keys = {"key": key, "optimizer": optimizer}
            raise PydanticCustomError("key", "has {key}, which {optimizer} does not use", keys)
        return self


class ScratchRecipe(Recipe):
    """How one run of the engine trains: by mini-batch descent, or by one of SciPy's minimizers."""

    optimizer: Literal["sgd", "adam", "conjugate_gradient", "l_bfgs"]  # type: ignore[assignment]


RECIPE_TYPES: dict[str, type[Recipe]] = {
    "torch": Recipe,
    "tf": Recipe,
    "scratch": ScratchRecipe,
}
