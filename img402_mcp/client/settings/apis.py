"""The two other APIs, where they are configured."""

from collections.abc import Mapping
from ipaddress import ip_address

from img402_mcp.client.settings.model import (
    Io42Settings,
    StudioSettings,
)
from img402_mcp.client.settings.variables import (
    address,
    bearer,
    usdc,
    web_address,
)
from img402_mcp.errors import SettingsError, quoted

IO42_API = "https://io42.xyz/api"


def io42(environ: Mapping[str, str]) -> Io42Settings | None:
    """IMG402_IO42_KEY, _URL, _MAX_FEE, _PAY_TO and _FORWARDED_FOR."""
    url = web_address("IMG402_IO42_URL", environ.get("IMG402_IO42_URL") or IO42_API)
    if not (key := environ.get("IMG402_IO42_KEY")):
        return None
    return Io42Settings(
        url=url,
        key=bearer("IMG402_IO42_KEY", key),
        max_fee=usdc(environ, "IMG402_IO42_MAX_FEE", Io42Settings.max_fee),
        pay_to=address(environ, "IMG402_IO42_PAY_TO"),
        forwarded_for=_forwarded_for(environ),
    )


def studio(environ: Mapping[str, str]) -> StudioSettings | None:
    """IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN: both or none."""
    url, token = environ.get("IMG402_STUDIO_URL"), environ.get("IMG402_STUDIO_TOKEN")
    if not url and not token:
        return None
    if not url or not token:
        raise SettingsError("The studio needs both IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN; one of them is not set.")
    return StudioSettings(web_address("IMG402_STUDIO_URL", url), bearer("IMG402_STUDIO_TOKEN", token))


def _forwarded_for(environ: Mapping[str, str]) -> str | None:
    if not (address := environ.get("IMG402_IO42_FORWARDED_FOR")):
        return None
    try:
        return str(ip_address(address))
    except ValueError:
        raise SettingsError(f"IMG402_IO42_FORWARDED_FOR {quoted(address)} is no IP address.") from None
