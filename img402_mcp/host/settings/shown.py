"""The settings as they may be shown in the log."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel
from sqlalchemy.engine import URL

from img402_mcp.host.settings.model import HostSettings

Shown = str | int | bool | None
# Some services put their customers' keys into the path.
_MAY_HOLD_A_KEY = "paid.facilitator_url"


def shown(settings: HostSettings) -> dict[str, Shown]:
    """`free.max_bytes` -> 1048576. For a secret, only whether it is set."""
    return dict(_flat("", settings))


def _flat(name: str, value: object) -> Iterator[tuple[str, Shown]]:
    if is_dataclass(value):
        for it in fields(value):
            yield from _part(f"{name}.{it.name}".lstrip("."), getattr(value, it.name), secret=not it.repr)
    elif isinstance(value, BaseModel):
        yield from ((f"{name}.{key}", field_value) for key, field_value in value.model_dump(mode="json").items())
    else:
        yield name, _word(name, value)


def _part(name: str, value: object, *, secret: bool) -> Iterator[tuple[str, Shown]]:
    if name == "apis" and isinstance(value, tuple):
        for api in value:
            yield from _flat(api.name, api)
    elif secret:
        yield name, "set, not shown" if value else None
    else:
        yield from _flat(name, value)


def _word(name: str, value: object) -> Shown:
    if isinstance(value, URL):  # a password may be in the query too
        return value.set(query={}).render_as_string(hide_password=True)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if value is None or isinstance(value, bool | int):
        return value
    return "{0.scheme}://{0.netloc}".format(urlsplit(str(value))) if value and name == _MAY_HOLD_A_KEY else str(value)
