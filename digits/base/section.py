"""A mapping of params.yaml: known keys only, strict types, not to be changed once read."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """The base of every mapping of params.yaml. It names the known keys where it meets an unknown
    one.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def check_keys(cls, values: Any) -> Any:
        unknown = (
            [key for key in values if key not in cls.model_fields]
            if isinstance(values, dict)
            else []
        )
        if unknown:
            expected = ", ".join(cls.model_fields) or "no options"
            raise PydanticCustomError(
                "key",
                "has the unknown key {key}; expected: {expected}",
                {"key": repr(unknown[0]), "expected": expected},
            )
        return values
