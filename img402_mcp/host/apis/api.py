from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.routing import Route

from img402_mcp.host.apis.openapi_schema import Json
from img402_mcp.host.context import Host
from img402_mcp.host.payments.paywall import Paywall
from img402_mcp.host.settings import HostSettings


@dataclass(frozen=True)
class Api:
    """What the host needs from an API besides img402. Each API's `api.py` has one, `API`."""

    routes: Callable[[Host, Paywall | None], Sequence[Route]]
    """The paywall is None where this host takes no payments."""
    paths: Callable[[HostSettings], Json]
    """What openapi.json says of the routes; `schemas` and `security` are what they refer to."""
    schemas: Json
    security: Json
    uploads: Mapping[str, str]
    """The routes that take an image, and as what the metrics count it."""
