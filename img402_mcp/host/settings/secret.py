"""How long the host's secret must be, wherever it comes from."""

from img402_mcp.errors import SettingsError

LENGTH = 32


def demand_strong(secret: str | bytes, named: str, way_out: str) -> None:
    """Raises SettingsError: with an empty or short secret anyone could delete every image and forge signed URLs."""
    text = secret if isinstance(secret, str) else secret.decode("latin-1")
    blank = "" if text.strip("\0 \t\r\n") or not text else ", all of them blank"
    if len(text) < LENGTH or blank:
        raise SettingsError(f"{named} has {len(text)} characters{blank}; it must have {LENGTH} or more{way_out}")
