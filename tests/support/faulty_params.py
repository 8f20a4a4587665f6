"""Faults of a params.yaml, each with the message that names it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from tests.support.paths import SMALL_PARAMS

MISSING = object()  # the value of a key that is taken out


class Fault(NamedTuple):
    """What is wrong with a params.yaml.

    changes  new values by key; "architectures cnn_small 2" is the third layer of that network
    message  the beginning of the error, after the file's name
    run      a run that reads the fault; None if no run does
    """

    changes: dict[str, Any]
    message: str
    run: tuple[str, str] | None


TORCH, MLP, SIGMOID = ("torch", "cnn_small"), ("scratch", "mlp"), ("scratch", "mlp_sigmoid")
CONV = "architectures cnn_small 0 conv"
FAULTS = [
    Fault(
        {"train_scratch mlp optimizer": "adm"},
        "train_scratch.mlp.optimizer is 'adm'; expected one of: sgd, adam, conjugate_gradient, l_b",
        MLP,
    ),
    Fault(
        {"train_torch cnn_small optimizer": "conjugate_gradient"},
        "train_torch.cnn_small.optimizer is 'conjugate_gradient'; expected one of: sgd, adam "
        "(conjugate_gradient is for scratch only)",
        TORCH,
    ),
    Fault(
        {"download dataset": MISSING, "download datset": "mnist"},
        "download has the unknown key 'datset'; expected: dataset, mirror, when_unreachable",
        None,
    ),
    Fault({"seed": "zero"}, "seed is 'zero'; expected a valid integer", TORCH),
    Fault({"seed": True}, "seed is True; expected a valid integer", TORCH),
    Fault({"threads": 0}, "threads is 0; expected greater than 0", TORCH),
    Fault({"threads": MISSING}, "threads is missing", TORCH),
    Fault({"processes": 0}, "processes is 0; expected greater than 0", TORCH),
    Fault({"portable": "off"}, "portable is 'off'; expected a valid boolean", None),
    Fault({"device": "gpu"}, "device is 'gpu'; expected one of: auto, cpu, cuda", TORCH),
    Fault(
        {"train_torch cnn_small learning_rate": float("nan")},
        "train_torch.cnn_small.learning_rate is nan; expected a finite number",
        TORCH,
    ),
    Fault(
        {"train_torch cnn_small learning_rate": float("inf")},
        "train_torch.cnn_small.learning_rate is inf; expected a finite number",
        TORCH,
    ),
    Fault(
        {"train_scratch mlp momentum": 1},
        "train_scratch.mlp.momentum is 1; expected less than 1",
        MLP,
    ),
    Fault(
        {"train_scratch mlp momentum": MISSING},
        "train_scratch.mlp lacks momentum, which sgd needs",
        MLP,
    ),
    Fault(
        {"train_scratch mlp_sigmoid batch_size": 3},
        "train_scratch.mlp_sigmoid has batch_size, which conjugate_gradient does not use",
        SIGMOID,
    ),
    Fault(
        {"train_torch cnn_small nesterov": True},
        "train_torch.cnn_small has nesterov, which needs sgd with a momentum above 0",
        TORCH,
    ),
    Fault(
        {"train_torch cnn_small architecture": "resnet"},
        "train_torch.cnn_small.architecture is 'resnet'; expected one of: cnn_small, cnn_batch_n",
        TORCH,
    ),
    Fault(
        {"architectures cnn_small 2 max_pool size": 3},
        "architectures.cnn_small[2]: max_pool size 3 does not divide 28 x 28; "
        "use one of: 2, 4, 7, 14, 28",
        TORCH,
    ),
    Fault(
        {"architectures cnn_small 1": "relo"},
        "architectures.cnn_small[1] is 'relo'; expected one of: conv, max_pool, dense, relu, sigm",
        TORCH,
    ),
    Fault(
        {f"{CONV} filters": MISSING, f"{CONV} filter": 16},
        "architectures.cnn_small[0].conv has the unknown key 'filter'; "
        "expected: filters, kernel_size, stride",
        TORCH,
    ),
    Fault(
        {f"{CONV} filters": "many"},
        "architectures.cnn_small[0].conv.filters is 'many'; expected a valid integer",
        TORCH,
    ),
    Fault(
        {f"{CONV} stride": 2},
        "architectures.cnn_small[0]: conv padding 'same' needs stride 1, not 2",
        TORCH,
    ),
    Fault(
        {"architectures cnn_small 10 dense units": 11},
        "architectures.cnn_small has 11 outputs; expected 10; end it with dense: {units: 10}",
        TORCH,
    ),
    Fault(
        {"architectures cnn_small 6": MISSING},
        "architectures.cnn_small[6]: dense takes flat vectors, not 7 x 7 x 32; put flatten before",
        TORCH,
    ),
    Fault({"architectures cnn_small": []}, "architectures.cnn_small is []; expected", None),
    Fault({"train_torch ../cnn": {}}, "train_torch.../cnn", TORCH),
]


def fault_name(fault: Fault) -> str:
    """Return the beginning of the message, as a test's id."""
    return fault.message[:50]


def write_params(path: Path, changes: dict[str, Any]) -> None:
    """Write the tests' params.yaml with other values."""
    yaml = YAML()
    params = yaml.load(SMALL_PARAMS)
    for place, value in changes.items():
        *steps, leaf = [int(step) if step.isdigit() else step for step in place.split(" ")]
        section = params
        for step in steps:
            section = section[step]
        if value is MISSING:
            del section[leaf]
        else:
            section[leaf] = value
    yaml.dump(params, path)


def first_fault(read: Callable[[Path], object], path: Path) -> str:
    """Return the text of the InputError that reading the file raises, without the path."""
    from digits.errors import InputError

    try:
        read(path)
    except InputError as error:
        text = str(error)
        assert text.startswith(f"{path}: ")
        assert "\n" not in text
        return text.removeprefix(f"{path}: ")
    raise AssertionError(f"{path} has no fault")
