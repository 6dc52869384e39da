from dataclasses import dataclass
from typing import ClassVar

from img402_mcp.host.settings.variables import FromVariables


@dataclass(frozen=True)
class ApiHostSettings(FromVariables):
    """The base of the settings of each API besides img402. The defaults are the documented limits."""

    name: ClassVar[str]
