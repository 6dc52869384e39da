"""The host's settings: one frozen object, read once from the environment by `read`."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import URL

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.settings.delivery import Delivery
from img402_mcp.host.settings.variables import (
    A_DAY,
    LARGEST,
    ApiHostSettings,
    Environ,
    FromVariables,
    at_most,
    setting,
    split_url,
    switch,
    whole,
)
from img402_mcp.wire import x402
from img402_mcp.wire.img402 import FreeTerms, PaidTerms

Network = IPv4Network | IPv6Network

LARGEST_STORE = 1 << 60
AN_HOUR = 3600
OfApi = TypeVar("OfApi", bound=ApiHostSettings)


@dataclass(frozen=True)
class PaidSettings:
    """`facilitator_url` is empty for play money. Amounts are atomic."""

    terms: PaidTerms
    price: int
    network: x402.Network
    pay_to: str
    facilitator: str
    facilitator_url: str
    rpc_url: str = field(repr=False)
    trust_used: int


@dataclass(frozen=True)
class Timeouts(FromVariables):
    """`connections` of one process; `head`, `body` and `answer` in seconds, `rate` in bytes a second."""

    # A process has 1024 descriptors by default; an upload needs two, and the database some.
    connections: int = whole("IMG402_HOST_CONNECTIONS", 400, (1, LARGEST))
    # Apache has 20, nginx 60. A head is one packet.
    head: int = whole("IMG402_HOST_HEAD_SECONDS", 10, (1, A_DAY))
    # Apache: 20 seconds and 500 bytes a second; Kestrel: 5 and 240. The slowest mobile net has 5000.
    body: int = whole("IMG402_HOST_BODY_SECONDS", 20, (1, A_DAY))
    rate: int = whole("IMG402_HOST_BODY_RATE", 500, (1, LARGEST))
    answer: int = whole("IMG402_HOST_ANSWER_SECONDS", 30, (1, A_DAY))


def _metrics(environ: Environ) -> tuple[str, int] | None:
    text = environ.get("IMG402_HOST_METRICS") or "off"
    if text == "off":
        return None
    url = split_url(f"//{text}")
    if url is None or not url.hostname or url.port is None or url.netloc != text or "@" in text:
        raise SettingsError(
            f"IMG402_HOST_METRICS is {quoted(text)}; give an address and a separate port, such as 127.0.0.1:9402, "
            "or off."
        )
    return url.hostname, url.port


@dataclass(frozen=True)
class Upkeep(FromVariables):
    """`metrics`: address and port; None: off. Seconds: `drain` before the socket closes, `stop` for running requests.

    `most_bytes` None: no limit.
    """

    delete_urls: bool = switch("IMG402_HOST_DELETE", default=True)
    metrics: tuple[str, int] | None = setting(None, _metrics, "IMG402_HOST_METRICS")
    most_bytes: int | None = at_most("IMG402_HOST_MAX_TOTAL_BYTES", None, LARGEST_STORE)
    # Room for the database's log and for arriving bodies; a system without that has other problems too.
    floor_bytes: int = whole("IMG402_HOST_MIN_FREE_BYTES", 256 * 1_048_576, (0, LARGEST_STORE))
    drain: int = whole("IMG402_HOST_DRAIN_SECONDS", 0, (0, AN_HOUR))
    # By default Docker kills after 10 seconds, Kubernetes after 30, systemd after 90.
    stop: int = whole("IMG402_HOST_STOP_SECONDS", 25, (1, AN_HOUR))


@dataclass(frozen=True)
class HostSettings:
    """`database` is a sqlalchemy URL, whose repr hides the password; `secret` None: one is kept in the data folder.

    `objects` is the URL of an object store. Where there is one, `blobs` is only for bodies that are still arriving.
    """

    data: Path
    blobs: Path
    database: URL
    public_url: str
    free: FreeTerms
    trusted_proxies: tuple[Network, ...] = ()
    paid: PaidSettings | None = None
    secret: str | None = field(default=None, repr=False)
    apis: tuple[ApiHostSettings, ...] = ()
    """Of the APIs besides img402; ask with `of`."""
    objects: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    upkeep: Upkeep = field(default_factory=Upkeep)
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def image_url(self) -> str:
        """The base address of image URLs in answers."""
        return self.delivery.image_url or self.public_url

    def of(self, api: type[OfApi]) -> OfApi:
        """`settings.of(StudioHostSettings)`: that API's settings; the defaults where none were read."""
        return next((each for each in self.apis if isinstance(each, api)), api())
