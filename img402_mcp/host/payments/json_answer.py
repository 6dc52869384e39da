"""One JSON answer of a facilitator or a node: bounded in bytes and in time, and never unpacked."""

import json
from collections.abc import Mapping
from typing import Any

import anyio
import httpx2

# A settlement waits for the chain: some seconds on Base, more when it is busy.
SECONDS = 30.0
PLAIN = "identity"


async def posted(  # noqa: PLR0913  # what is sent, and the bounds of what comes
    client: httpx2.AsyncClient,
    url: str,
    message: Mapping[str, Any],
    *,
    limit: int,
    seconds: float = SECONDS,
    headers: Mapping[str, str] | None = None,
) -> Any:  # noqa: ANN401  # JSON
    """Raises httpx2.HTTPError, ValueError, RecursionError, and TimeoutError where it takes longer in all."""
    asked = {"Accept-Encoding": PLAIN, **(headers or {})}
    with anyio.fail_after(seconds):
        async with client.stream("POST", url, json=message, headers=asked) as response:
            return json.loads(await _bounded(response, limit))


async def _bounded(response: httpx2.Response, limit: int) -> bytes:
    if response.headers.get("content-encoding", PLAIN).lower() != PLAIN:
        raise ValueError("the answer is compressed, which was not requested")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > limit:
            raise ValueError("the answer is too long")
    return bytes(body)
