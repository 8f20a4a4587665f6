"""params.yaml, read and checked: the only reader of that file.

Every key is required unless its meaning is "not used"; unknown keys are errors. The file is read as
YAML 1.2, as DVC does: 1e-4 is a number there (in YAML 1.1 it is a string).
"""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML, YAMLError

from digits.base.section import Section
from digits.errors import InputError, one_line_errors
from digits.model.architecture import Architecture, Shape, ShapeError, infer_shapes

IMAGE_SHAPE: Shape = (28, 28, 1)
N_CLASSES = 10

Framework = Literal["torch", "tf", "scratch"]
FRAMEWORKS: tuple[Framework, ...] = ("torch", "tf", "scratch")
Dataset = Literal["mnist", "fashion_mnist", "kmnist", "emnist_digits", "uci_digits", "stand_in"]
Normalization = Literal["zero_one", "minus_one_one", "standardize"]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Download(Section):
    dataset: Dataset
    mirror: str | None
    when_unreachable: Literal["stand_in", "fail"]


class Preprocess(Section):
    normalization: Normalization
    prune_threshold: NonNegativeFloat
    train_size: PositiveInt | None
    validation_size: PositiveInt


# The optimizers that take the whole training split at once: scratch's alone.
MINIMIZERS = ("conjugate_gradient", "l_bfgs")


class Adam(NamedTuple):
    """The constants of Adam as its authors set them (Kingma and Ba, 2015), the same in every back
    end.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8


ADAM = Adam()


class BatchNormConstants(NamedTuple):
    """momentum is the share of the old running mean that is kept at each step; epsilon is added to
    the variance.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5


BATCH_NORM = BatchNormConstants()


class Augmentation(Section):
    """How far each training image is distorted, at most, anew each epoch."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0  # degrees
    shift: Annotated[float, Field(ge=0, le=28)] = 0.0  # pixels
    # 0.1: from 1 / 1.1 to 1.1, for height and width apart.
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

    @model_validator(mode="after")
    def check_optimizer_keys(self) -> "Recipe":
        mini_batch = {"batch_size", "learning_rate", "schedule"}
        needed = {"sgd": mini_batch | {"momentum"}, "adam": mini_batch}.get(self.optimizer, set())
        if self.nesterov and not self.momentum:
            raise PydanticCustomError(
                "key", "has nesterov, which needs sgd with a momentum above 0", {}
            )
        given = {key for key in mini_batch | {"momentum"} if getattr(self, key) is not None}
        for key in sorted(needed - given):
            raise PydanticCustomError(
                "missing_key",
                "lacks {key}, which {optimizer} needs",
                {"key": key, "optimizer": self.optimizer},
            )
        if self.augmentation and not needed:
            given.add("augmentation")
        for key in sorted(given - needed):
            raise PydanticCustomError(
                "key",
                "has {key}, which {optimizer} does not use",
                {"key": key, "optimizer": self.optimizer},
            )
        return self


class ScratchRecipe(Recipe):
    """How one run trains: by mini-batch descent, or by a SciPy minimizer on the whole training
    split.
    """

    optimizer: Literal["sgd", "adam", "conjugate_gradient", "l_bfgs"]  # type: ignore[assignment]


class Params(Section):
    seed: NonNegativeInt
    threads: PositiveInt
    processes: PositiveInt
    device: Literal["auto", "cpu", "cuda"]
    download: Download
    preprocess: Preprocess
    architectures: dict[RunName, Architecture]
    train_torch: dict[RunName, Recipe]
    train_tf: dict[RunName, Recipe]
    train_scratch: dict[RunName, ScratchRecipe]

    def runs(self, framework: str) -> dict[str, Recipe]:
        """Return the recipes of one framework's runs by name, in the order of params.yaml."""
        return getattr(self, f"train_{framework}")

    def recipe(self, framework: str, run: str) -> Recipe:
        """Return one run's recipe; raise InputError where there is no such run."""
        runs = self.runs(framework)
        if run not in runs:
            raise InputError(
                f"params.yaml: train_{framework} has no run {run!r}; expected one of: {', '.join(runs)}"
            )
        return runs[run]

    @model_validator(mode="after")
    def check_runs(self) -> "Params":
        for framework in FRAMEWORKS:
            for name, recipe in self.runs(framework).items():
                check_run(self.architectures, recipe, where=f"train_{framework}.{name}")
        return self


def check_run(architectures: dict[str, Architecture], recipe: Recipe, where: str) -> None:
    """Raise ValueError unless the run's architecture is there and turns its pixels into the logits
    of the classes.
    """
    if recipe.architecture not in architectures:
        raise ValueError(
            f"{where}.architecture is {recipe.architecture!r}; expected one of: {', '.join(architectures)}"
        )
    input_shape = IMAGE_SHAPE if recipe.pixels == "all" else (28 * 28,)
    try:
        output_shape = infer_shapes(architectures[recipe.architecture], input_shape)[-1]
    except ShapeError as error:
        raise ValueError(f"architectures.{recipe.architecture}{error} (run {where})") from None
    if output_shape != (N_CLASSES,):
        found = " x ".join(map(str, output_shape))
        raise ValueError(
            f"architectures.{recipe.architecture} ends in {found} outputs; end it in dense with {N_CLASSES} units"
        )


def load_params(path: str | Path = "params.yaml") -> Params:
    """Return the checked parameters; raise InputError with the first fault in one line."""
    try:
        data = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except YAMLError as error:
        raise InputError(f"{path}: is not YAML: {error}") from None
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        faults = error.errors()
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InputError(f"{path}: {format_fault(faults[0], data)}{more}") from None


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
            expected = "one of: " + fault["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
            if fault["input"] in MINIMIZERS:
                expected += f" ({fault['input']} is scratch's alone)"
        case "union_tag_invalid":
            expected = "one of: " + fault["ctx"]["expected_tags"].replace("'", "")
        case _:
            expected = fault["msg"].removeprefix("Input should be ")
    return f"{where} is {fault['input']!r}; expected {expected}"


def format_path(location: tuple[Any, ...], data: Any) -> str:
    """Return the path of a fault as params.yaml spells it: pydantic's own tags, which are not in
    `data`, are left out.
    """
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


if __name__ == "__main__":
    with one_line_errors():
        load_params()
