"""The places for connections: how many there are, how many one address may have, and who makes room for whom."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from img402_mcp.host.client_address import client_address, is_trusted, shared_by
from img402_mcp.host.settings import Network, Timeouts

SHARE = 4  # one address may have a fourth: it takes four that mean ill to keep everybody else out
STALLED = 10  # a tenth of what a body may fall behind, 2 seconds: a good one has had several round trips

Peer = tuple[str, int] | None
Refusal = tuple[int, str, str]
FULL = 503, "busy", "The host has as many connections as it can handle, all of them busy. Try again in a moment."
HAS_ITS_SHARE = (
    503,
    "busy",
    "Your address has as many connections as it may have here, all of them busy. Use fewer, or try again in a moment.",
)


class Connection(Protocol):
    def lag(self) -> float:
        """How many seconds its body is behind; 0 where it owes none."""

    def give_way(self) -> None:
        """It has no place any more."""


class ConnectionLimits:
    """`waiting`: those without a request in hand, the longest first. `trusted`: proxies, which stand for many."""

    def __init__(self, timeouts: Timeouts, trusted: Sequence[Network] = ()) -> None:
        self._most, self._share = timeouts.connections, max(1, timeouts.connections // SHARE)
        self._stalled, self._trusted = timeouts.body / STALLED, trusted
        self._owners: dict[Connection, str | None] = {}
        self._each: Counter[str | None] = Counter()
        self.waiting: dict[Connection, None] = {}

    def take(self, connection: Connection, peer: Peer) -> Refusal | None:
        """Why there is no place for it. Where one is made, somebody else has just lost it."""
        owner = self._owner(peer)
        if owner is not None and self._each[owner] >= self._share:
            refusal = None if self._make_room(owner) else HAS_ITS_SHARE
        else:
            refusal = None if len(self._owners) < self._most or self._make_room() else FULL
        if refusal is None:
            self._owners[connection] = owner
            self._each[owner] += 1
        return refusal

    def leave(self, connection: Connection) -> None:
        """May be said twice."""
        self.waiting.pop(connection, None)
        if connection in self._owners:
            owner = self._owners.pop(connection)
            self._each[owner] -= 1
            if not self._each[owner]:
                del self._each[owner]

    def _make_room(self, owner: str | None = None) -> bool:
        victim = self._longest_waiting(owner) or self._furthest_behind(owner)
        if victim is not None:
            self.leave(victim)
            victim.give_way()
        return victim is not None

    def _longest_waiting(self, owner: str | None = None) -> Connection | None:
        return next((connection for connection in self.waiting if owner in {None, self._owners.get(connection)}), None)

    def _furthest_behind(self, owner: str | None = None) -> Connection | None:
        some = [connection for connection, whose in self._owners.items() if owner in {None, whose}]
        last = max(some, key=lambda connection: connection.lag(), default=None)
        return last if last is not None and last.lag() >= self._stalled else None

    def _owner(self, peer: Peer) -> str | None:
        """None: bounded with all others only."""
        scope = {"client": peer}
        address = client_address(scope, ())
        return None if address is None or is_trusted(scope, self._trusted) else shared_by(address)
