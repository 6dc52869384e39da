"""Does it live, and may requests be sent to it: two questions, since a host that waits for its database lives.

Anybody may ask, so what an answer costs is bounded: the parts are tried every few seconds at most.
"""

import logging
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from img402_mcp.host.context import Host
from img402_mcp.host.errors import UNCACHED, problem
from img402_mcp.host.storage.blobs.base import ARRIVING

ALIVE, READY = "/healthz", "/readyz"
_PROBES = 1  # threads for each part: one that hangs is enough
LIFE = timedelta(seconds=5)  # for which a finding holds
TIMEOUT = 10  # seconds; silence is no readiness
# No name of an image, so no cleanup and no request can come to it. It stays, so that two workers do not collide.
PROBE = "readyz.probe"

_log = logging.getLogger("img402_mcp.host.failures")


class Health:
    def __init__(self, host: Host, timeout: float = TIMEOUT) -> None:
        self._host, self._timeout = host, timeout
        # Threads of its own: where all the others wait for the store, the database is not to blame.
        self._probes = [
            ("reach its database", host.images.check, CapacityLimiter(_PROBES)),
            ("write to its store", self._write, CapacityLimiter(_PROBES)),
        ]
        self._draining = False
        self._trouble, self._found_at, self._turn = "", datetime.min.replace(tzinfo=UTC), anyio.Lock()

    def drain(self) -> None:
        """From now on it is not ready; anything that comes is still answered. May be called in a signal's handler."""
        self._draining = True

    async def trouble(self) -> str:
        """Why no requests should be sent here; empty: none."""
        if self._draining:
            return "The host is about to stop."
        async with self._turn:
            if not timedelta() <= self._host.now() - self._found_at < LIFE:
                self._trouble, self._found_at = await self._found(), self._host.now()
            return self._trouble

    async def _found(self) -> str:
        for what, probe, threads in self._probes:
            try:
                with anyio.fail_after(self._timeout):
                    await to_thread.run_sync(probe, abandon_on_cancel=True, limiter=threads)
            except TimeoutError:
                _log.error("not ready: cannot %s: no answer within %g seconds", what, self._timeout)
                return f"The host cannot {what}: no answer within {self._timeout:g} seconds."
            except (OSError, SQLAlchemyError):
                _log.exception("not ready: cannot %s", what)
                return f"The host cannot {what}."
        return ""

    def _write(self) -> None:
        """A byte goes the way of an image's. No quota is asked: a full host is good for all that only looks."""
        descriptor, name = tempfile.mkstemp(dir=self._host.blobs.spool, suffix=ARRIVING)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(b".")
            self._host.blobs.put(PROBE, Path(name))
        finally:
            Path(name).unlink(missing_ok=True)


def routes(health: Health) -> list[Route]:
    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=UNCACHED)

    async def ready(_request: Request) -> Response:
        if trouble := await health.trouble():
            return problem(503, "not_ready", trouble, {"Retry-After": str(LIFE.seconds)})
        return JSONResponse({"status": "ok"}, headers=UNCACHED)

    return [Route(ALIVE, alive, methods=["GET"]), Route(READY, ready, methods=["GET"])]
