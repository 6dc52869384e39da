"""Liveness and readiness: two questions, since a host that waits for its database is alive.

Anybody may ask, so the cost is bounded: each part is tried at most every few seconds.
"""

import logging
from asyncio import get_running_loop
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from img402_mcp.host.context import Host
from img402_mcp.host.errors import OUT_OF_REACH, UNCACHED, problem
from img402_mcp.host.storage.blobs.base import ARRIVING

ALIVE, READY = "/healthz", "/readyz"
LIFE = timedelta(seconds=5)  # for which a result is reused
TIMEOUT = 10  # seconds; no answer means not ready
# Not an image's name, so no cleanup and no request touches it. It is not removed, so that workers do not collide.
PROBE = "readyz.probe"

_log = logging.getLogger("img402_mcp.host.failures")


class Health:
    def __init__(self, host: Host, timeout: float = TIMEOUT) -> None:
        self._host, self._timeout = host, timeout
        # A thread for each: one that hangs is enough, and where all others wait for the store, the database must not
        # look broken. A look that is still queued when nobody waits for it any more is dropped.
        self._probes = [
            ("reach its database", host.images.check, ThreadPoolExecutor(1, "probe")),
            ("write to its store", self._write, ThreadPoolExecutor(1, "probe")),
        ]
        self._draining = False
        self._trouble, self._found_at, self._turn = "", datetime.min.replace(tzinfo=UTC), anyio.Lock()

    def drain(self) -> None:
        """From now on it is not ready; requests are still answered. May be called in a signal handler."""
        self._draining = True

    async def trouble(self) -> str:
        """Why no requests should be sent here; empty: it is ready."""
        if self._draining:
            return "The host is about to stop."
        async with self._turn:
            if not timedelta() <= self._host.now() - self._found_at < LIFE:
                self._trouble, self._found_at = await self._found(), self._host.now()
            return self._trouble

    async def _found(self) -> str:
        for what, probe, thread in self._probes:
            try:
                with anyio.fail_after(self._timeout):
                    await get_running_loop().run_in_executor(thread, probe)
            except TimeoutError:
                _log.error("not ready: cannot %s: no answer within %g seconds", what, self._timeout)
                return f"The host cannot {what}: no answer within {self._timeout:g} seconds."
            except OUT_OF_REACH:
                _log.exception("not ready: cannot %s", what)
                return f"The host cannot {what}."
        return ""

    def _write(self) -> None:
        """Stores a byte like an image's bytes. No quota applies: a full host still serves images."""
        with NamedTemporaryFile(dir=self._host.blobs.spool, suffix=ARRIVING, delete=False) as file:
            file.write(b".")
        try:
            self._host.blobs.put(PROBE, Path(file.name))
        finally:
            Path(file.name).unlink(missing_ok=True)


def routes(health: Health) -> list[Route]:
    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=UNCACHED)

    async def ready(_request: Request) -> Response:
        if trouble := await health.trouble():
            return problem(503, "not_ready", trouble, {"Retry-After": str(LIFE.seconds)})
        return JSONResponse({"status": "ok"}, headers=UNCACHED)

    return [Route(ALIVE, alive, methods=["GET"]), Route(READY, ready, methods=["GET"])]
