"""Programs that some tests need and not every machine has."""

import os
from typing import NoReturn

import pytest


def fail_or_skip(switch: str, missing: str) -> NoReturn:
    """Skip the test, or fail it if the environment variable `switch` is "required"."""
    if os.environ.get(switch) == "required":
        pytest.fail(missing)
    pytest.skip(missing)
