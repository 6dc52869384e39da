"""One JSON answer of a facilitator or a node: bounded in bytes and in time, and never unpacked."""

import json
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import anyio
import httpx2

PLAIN = "identity"


class JsonClient:
    """`limit` of an answer in bytes; `seconds`: how long it may take in all."""

    def __init__(
        self,
        limit: int,
        timeout: httpx2.Timeout,
        seconds: float,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._limit, self._seconds = limit, seconds
        # No redirects: what is sent here is as good as money until it is settled.
        self._client = httpx2.AsyncClient(
            transport=transport, timeout=timeout, follow_redirects=False, verify=_trusted()
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def post(self, url: str, message: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401  # JSON
        """Raises httpx2.HTTPError, ValueError, RecursionError, and TimeoutError where it takes longer in all."""
        asked = {"Accept-Encoding": PLAIN, **(headers or {})}
        with anyio.fail_after(self._seconds):
            async with self._client.stream("POST", url, json=message, headers=asked) as response:
                return json.loads(await _bounded(response, self._limit))


@cache
def _trusted() -> ssl.SSLContext:
    """Reading the certificate authorities takes 10 ms: once for all clients."""
    return httpx2.create_ssl_context()


async def _bounded(response: httpx2.Response, limit: int) -> bytes:
    if response.headers.get("content-encoding", PLAIN).lower() != PLAIN:
        raise ValueError("the answer is compressed, which was not requested")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > limit:
            raise ValueError("the answer is too long")
    return bytes(body)
