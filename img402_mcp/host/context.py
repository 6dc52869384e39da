"""What the rooms of one running host share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from img402_mcp.host.db.database import Database
from img402_mcp.host.rate_limits import DailyCaps
from img402_mcp.host.refusals import MOST_BODY_BYTES, MOST_PROOFS, Refusals
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.images import Images
from img402_mcp.host.storage.quota import Quota
from img402_mcp.host.storage.signed_urls import SignedUrls
from img402_mcp.host.storage.store import Store

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Host:
    """`now` is in UTC."""

    settings: HostSettings
    blobs: Blobs
    store: Store
    database: Database
    images: Images
    caps: DailyCaps
    signed_urls: SignedUrls
    quota: Quota
    now: Clock
    refused_bodies: Refusals = field(default_factory=partial(Refusals, "bodies that are not images", MOST_BODY_BYTES))
    refused_proofs: Refusals = field(
        default_factory=partial(Refusals, "proofs of payment that buy nothing", MOST_PROOFS)
    )
