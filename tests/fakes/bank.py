"""A facilitator that moves money in its own books."""

from dataclasses import dataclass, field
from datetime import datetime

from anyio import Event, sleep_forever

from img402_mcp.host.payments.facilitators.base import Claim, Rejected, Settled, Unknown, Valid


@dataclass
class Bank:
    """A facilitator with its own books, honest about its failures.

    `moods`: what happens to the next settlements: "answers", "refuses", "unreachable" (nothing moved, no answer),
    "answer lost" (moved, no answer), "hangs" (nothing moved), "moved and hangs".
    """

    moods: list[str] = field(default_factory=list)
    knows_the_past: bool = False
    broke: bool = False
    silent: bool = False
    book: list[tuple[str, str, int]] = field(default_factory=list)
    verified: list[Claim] = field(default_factory=list)
    settled: list[Claim] = field(default_factory=list)
    reached: Event = field(default_factory=Event)
    holds: list[Event] = field(default_factory=list)
    """The next verification waits for it."""

    async def verify(self, claim: Claim) -> Valid | Rejected | Unknown:
        self.verified.append(claim)
        if self.holds:
            await self.holds.pop().wait()
        if self.silent:
            return Unknown("no answer")
        if self.broke:
            return Rejected("insufficient_funds")
        return Rejected("nonce_already_used", used=True) if self._is_used(claim) else Valid()

    async def settle(self, claim: Claim) -> Settled | Rejected | Unknown:
        self.settled.append(claim)
        mood = self.moods.pop(0) if self.moods else "answers"
        if mood == "refuses":
            return Rejected("insufficient_funds")
        if mood == "unreachable":
            return Unknown("no connection")
        if mood == "hangs":
            await self._hang()
        if self._is_used(claim):
            return Rejected("nonce_already_used", used=True)
        paid = claim.authorization
        self.book.append((paid.payer, paid.nonce, paid.value))
        if mood == "moved and hangs":
            await self._hang()
        return Unknown("time-out") if mood == "answer lost" else Settled("0xabc")

    async def recall(self, claim: Claim, since: datetime) -> Settled | Rejected | Unknown:  # noqa: ARG002  # the interface's
        if not self.knows_the_past:
            return Unknown("no chain can be asked")
        return Settled("0xabc") if self._is_used(claim) else Rejected("expired")

    async def aclose(self) -> None:
        pass

    def _is_used(self, claim: Claim) -> bool:
        return any(entry[1] == claim.authorization.nonce for entry in self.book)

    async def _hang(self) -> None:
        self.reached.set()
        await sleep_forever()
