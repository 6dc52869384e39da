"""URLs that allow one thing to anyone who holds them: for a while to put that same file or to look at it; to delete it.

A permit's signature covers the method, the key, the type, the size and the expiry, so that none of them can be changed.
That a file is put only once is decided where its row is written. Nothing is stored, so a wrong signature is told from
a right one without a look at what exists.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from img402_mcp.host.errors import ApiError

PUTTING, LOOKING, DELETING = "/uploads/", "/previews/", "/delete/"
_DELETE_KEY_LENGTH = 40  # of hexadecimal digits: 160 bits
_PREFIX = {"PUT": PUTTING, "GET": LOOKING}
_NAMES = {"PUT": ["expires", "signature", "size", "type"], "GET": ["expires", "signature"]}


@dataclass(frozen=True)
class Permit:
    """What a signed URL allows. `expires_at` is in seconds of Unix time; type and size matter to a PUT alone."""

    method: str
    key: str
    expires_at: int
    media_type: str = ""
    size: int = 0


class SignedUrls:
    def __init__(self, secret: bytes, public_url: str) -> None:
        # A key for each use: what is made for one, or of the secret itself, is never a signature for the other.
        self._permits, self._deletions = (_digest(secret, use) for use in (b"signed URLs", b"delete keys"))
        self._public_url = public_url

    def deletion(self, name: str) -> str:
        return f"{self._public_url}{DELETING}{name}?key={self._delete_key(name)}"

    def allows_deletion(self, name: str, key: str) -> bool:
        return hmac.compare_digest(key.encode(), self._delete_key(name).encode())

    def _delete_key(self, name: str) -> str:
        return _digest(self._deletions, name.encode()).hex()[:_DELETE_KEY_LENGTH]

    def url(self, permit: Permit) -> str:
        query = {"expires": str(permit.expires_at)}
        if permit.method == "PUT":
            query |= {"type": permit.media_type, "size": str(permit.size)}
        signed = urlencode(query | {"signature": self._signature(permit)})
        return f"{self._public_url}{_PREFIX[permit.method]}{permit.key}?{signed}"

    def permit(self, method: str, key: str, query: QueryParams, now: datetime) -> Permit:
        """What the URL allows. Raises ApiError where it is not ours, was changed, or has expired."""
        signed = _permit_in(method, key, query)
        given = query.get("signature", "")
        if signed is None or not hmac.compare_digest(given.encode(), self._signature(signed).encode()):
            message = "This is not a URL that this host has signed. Use it exactly as it was given."
            raise ApiError("access_denied", message)
        if signed.expires_at <= now.timestamp():
            expired = f"{datetime.fromtimestamp(signed.expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
            raise ApiError("url_expired", f"This URL expired at {expired}. Ask for a new one where you got it.")
        return signed

    def _signature(self, permit: Permit) -> str:
        parts = [permit.method, permit.key, permit.expires_at, permit.media_type, permit.size]
        return _digest(self._permits, json.dumps(parts).encode()).hex()


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _permit_in(method: str, key: str, query: QueryParams) -> Permit | None:
    names = [name for name, _ in query.multi_items()]
    if sorted(names) != _NAMES[method]:
        return None
    expires, size = _number(query["expires"]), _number(query.get("size", "0"))
    if expires is None or size is None:
        return None
    return Permit(method, key, expires, query.get("type", ""), size)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else None
