"""What the rooms of one running host share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from anyio import CapacityLimiter

from img402_mcp.host.daily_caps import DailyCaps
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.cache import ImageCache
from img402_mcp.host.storage.delete_urls import DeleteKeys
from img402_mcp.host.storage.images import Images
from img402_mcp.host.storage.quota import Quota
from img402_mcp.host.storage.signed_urls import SignedUrls

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
    database: Database
    images: Images
    caps: DailyCaps
    image_cache: ImageCache
    signed_urls: SignedUrls
    quota: Quota
    delete_keys: DeleteKeys | None
    now: Clock
