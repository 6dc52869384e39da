"""The client's settings of the studio: IMG402_STUDIO_*."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from img402_mcp.client.settings.model import ApiSettings
from img402_mcp.client.settings.variables import bearer, web_address
from img402_mcp.errors import SettingsError


@dataclass(frozen=True)
class StudioSettings(ApiSettings):
    name: ClassVar[str] = "studio"
    secret: ClassVar[str] = "IMG402_STUDIO_TOKEN"  # noqa: S105  # a variable's name
    variables: ClassVar[tuple[str, ...]] = ("IMG402_STUDIO_URL", "IMG402_STUDIO_TOKEN")

    token: str = field(repr=False)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self | None:
        """Both or none."""
        url, token = environ.get("IMG402_STUDIO_URL"), environ.get("IMG402_STUDIO_TOKEN")
        if not url and not token:
            return None
        if not url or not token:
            raise SettingsError(
                "The studio needs both IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN; one of them is not set."
            )
        return cls(web_address("IMG402_STUDIO_URL", url), bearer("IMG402_STUDIO_TOKEN", token))
