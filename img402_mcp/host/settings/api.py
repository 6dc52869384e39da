"""What the settings of every API besides img402 have in common."""

from collections.abc import Mapping
from typing import ClassVar, Self


class ApiHostSettings:
    """A dataclass with a default for each field: the documented terms."""

    name: ClassVar[str]
    variables: ClassVar[tuple[str, ...]]
    """Every name that `read` looks for."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        raise NotImplementedError
