"""What the rooms of one running host share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from anyio import CapacityLimiter

from img402_mcp.host.blobs.base import Blobs
from img402_mcp.host.delete_keys import DeleteKeys
from img402_mcp.host.index import Index
from img402_mcp.host.limits import DailyCaps
from img402_mcp.host.quota import Quota
from img402_mcp.host.recent import Recent
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.signed_urls import SignedUrls

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Host:
    """`now` tells UTC. `delete_keys` None: nobody deletes but who runs the host.

    `writers` are the threads that may wait for the store at a time. Those for rows and for reading are others, so
    that a store that hangs does not stop what needs none.
    """

    settings: HostSettings
    blobs: Blobs
    writers: CapacityLimiter
    index: Index
    caps: DailyCaps
    recent: Recent
    signed_urls: SignedUrls
    quota: Quota
    delete_keys: DeleteKeys | None
    now: Clock
