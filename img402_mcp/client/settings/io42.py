"""The client's settings of io42: IMG402_IO42_*."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import ClassVar, Self

from img402_mcp.client.settings.model import ApiSettings
from img402_mcp.client.settings.variables import address, bearer, usdc, web_address
from img402_mcp.errors import SettingsError, quoted

IO42_API = "https://io42.xyz/api"


@dataclass(frozen=True)
class Io42Settings(ApiSettings):
    """`url` ends with `/api`."""

    name: ClassVar[str] = "io42"
    secret: ClassVar[str] = "IMG402_IO42_KEY"  # noqa: S105  # a variable's name
    variables: ClassVar[tuple[str, ...]] = (
        "IMG402_IO42_KEY",
        "IMG402_IO42_URL",
        "IMG402_IO42_MAX_FEE",
        "IMG402_IO42_PAY_TO",
        "IMG402_IO42_FORWARDED_FOR",
    )

    key: str = field(repr=False)
    max_fee: int = 0
    """The most that one fee may cost, in atomic units of USDC. With 0, no fee is paid."""
    pay_to: str | None = None
    """None: the payee of the first fee."""
    forwarded_for: str | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self | None:
        url = web_address("IMG402_IO42_URL", environ.get("IMG402_IO42_URL") or IO42_API)
        if not (key := environ.get("IMG402_IO42_KEY")):
            return None
        return cls(
            url=url,
            key=bearer("IMG402_IO42_KEY", key),
            max_fee=usdc(environ, "IMG402_IO42_MAX_FEE", cls.max_fee),
            pay_to=address(environ, "IMG402_IO42_PAY_TO"),
            forwarded_for=_forwarded_for(environ),
        )


def _forwarded_for(environ: Mapping[str, str]) -> str | None:
    if not (address := environ.get("IMG402_IO42_FORWARDED_FOR")):
        return None
    try:
        return str(ip_address(address))
    except ValueError:
        raise SettingsError(f"IMG402_IO42_FORWARDED_FOR {quoted(address)} is not an IP address.") from None
