"""The base of the settings of each API besides img402."""

from collections.abc import Mapping
from typing import ClassVar, Self


class ApiHostSettings:
    """A dataclass whose defaults are the documented limits."""

    name: ClassVar[str]
    variables: ClassVar[tuple[str, ...]]
    """Every name that `read` looks for."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        raise NotImplementedError
