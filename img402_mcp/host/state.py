"""What the rooms of one running host share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from img402_mcp.host.blobs.base import Blobs
from img402_mcp.host.index import Index
from img402_mcp.host.limits import DailyCaps
from img402_mcp.host.recent import Recent
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.signed_urls import SignedUrls

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Host:
    """`now` tells UTC."""

    settings: HostSettings
    blobs: Blobs
    index: Index
    caps: DailyCaps
    recent: Recent
    signed_urls: SignedUrls
    now: Clock
