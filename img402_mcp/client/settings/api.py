"""The common part of the settings of every API besides img402."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True)
class ApiSettings:
    name: ClassVar[str]
    """Its variables begin with `IMG402_`, this name in capitals and `_`, and are read together."""
    secret: ClassVar[str]
    """The variable with its key or token."""
    variables: ClassVar[tuple[str, ...]]
    """Every name that `read` looks for."""

    url: str
    """Its base, without a slash at its end."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self | None:
        """None if it is not configured. Raises SettingsError."""
        raise NotImplementedError
