"""A stage's fingerprint: a text that changes exactly if the code that the stage runs changes.

It has a line with path and SHA-256 for each project module that the stage imports, directly or not.
The data files that these modules read have such a line too. A module's hash covers its code without
comments, docstrings and blank lines. The pins of the third-party packages follow.

This module imports only the standard library. The text is the same on every supported Python.
"""

from pathlib import Path

from digits.pipeline.imports import import_closure
from digits.pipeline.pins import collect_pins, read_pins

LOCK = Path("requirements/run.txt")
FINGERPRINTS = "data/fingerprints"  # <stage>.txt for each stage below

# The modules that each stage starts with: its own, and those that it loads by name.
STAGES = {
    "download": ("stages.download",),
    "preprocess": ("stages.preprocess",),
    "train_torch": ("stages.train_torch", "digits.backends.torch.fit"),
    "train_tf": ("stages.train_tf", "digits.backends.tf.fit"),
    "train_scratch": ("stages.train_scratch", "digits.backends.scratch.fit"),
    "evaluate_torch": ("stages.evaluate", "digits.backends.torch.network"),
    "evaluate_tf": ("stages.evaluate", "digits.backends.tf.network"),
    "evaluate_scratch": ("stages.evaluate", "digits.backends.scratch.network"),
    "visualize": ("stages.visualize",),
}

# Modules that load others by name. What a stage can load this way is among its modules above.
LOADS_BY_NAME = {
    "digits/training/backend.py": "the back end of the stage's framework",
    "digits/training/logger.py": "loggers, which change no output",
    "stages/evaluate.py": "the network of the stage's framework",
}

# Packages of the project that cannot change a byte of an output, and why.
OWN_WITHOUT_EFFECT = {
    "digits.pipeline": "decides if a checkpoint is resumed; the training ends in the same bytes",
}

# Distributions that cannot change a byte of an output, and why. What only they require is left out.
PINS_WITHOUT_EFFECT = {
    "filelock": "keeps two processes from writing the same file",
    "fsspec": "opens remote files; no stage does",
    "psutil": "measures memory",
    "pydantic": "checks settings and hands them on unchanged",
    "pydantic-core": "checks settings and hands them on unchanged",
    "pyyaml": "reads settings; DVC compares these itself",
    "requests": "downloads files; no stage does it this way",
    "rich": "prints to terminals",
    "ruamel-yaml": "reads settings; DVC compares these itself",
    "setuptools": "builds packages",
    "tqdm": "draws progress bars",
    "typing-extensions": "declares types",
    "wheel": "builds packages",
}
CHECKSUMS = "downloads are checked against published checksums"
PINS_WITHOUT_EFFECT_ON = {"download": {"torch": CHECKSUMS, "torchvision": CHECKSUMS}}


def stage_fingerprint(stage: str, root: Path) -> str:
    """Return the fingerprint of a stage, a key of STAGES, in the checkout `root`.

    Raises InputError if a module is not Python, or if the lock lacks a pin.
    """
    closure = import_closure(root, STAGES[stage], OWN_WITHOUT_EFFECT)
    without = PINS_WITHOUT_EFFECT.keys() | PINS_WITHOUT_EFFECT_ON.get(stage, {})
    pins = collect_pins(read_pins(root / LOCK), closure.packages, without)
    modules = [f"{path} {sha256}" for path, sha256 in sorted(closure.sha256.items())]
    return "".join(f"{line}\n" for line in [*modules, *pins])
