"""Agents' keys and studio tokens: printed once, stored as hashes."""

import hashlib
import re
import secrets
from collections.abc import Mapping

_BEARER = re.compile(r"bearer +([!-~]{1,256})", re.ASCII | re.IGNORECASE)


def new_credential(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(20)}"


def hash_of(credential: str) -> str:
    """No salt and no stretching: 160 random bits cannot be guessed."""
    return hashlib.sha256(credential.encode()).hexdigest()


def bearer(headers: Mapping[str, str]) -> str | None:
    match = _BEARER.fullmatch(headers.get("authorization", "").strip())
    return match[1] if match else None
