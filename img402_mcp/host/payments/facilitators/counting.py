"""Wraps a facilitator and reports each settlement's outcome."""

from collections.abc import Callable
from datetime import datetime

from img402_mcp.host.payments.facilitators.base import Claim, Facilitator, Rejected, Settled, Unknown, Valid

Outcome = Settled | Rejected | Unknown
WORDS: dict[type[Outcome], str] = {Settled: "settled", Rejected: "refused", Unknown: "undecided"}


class CountedFacilitator:
    def __init__(self, facilitator: Facilitator, count: Callable[[str], None]) -> None:
        self._facilitator, self._count = facilitator, count
        self.play_money = facilitator.play_money

    async def verify(self, claim: Claim) -> Valid | Rejected | Unknown:
        return await self._facilitator.verify(claim)

    async def settle(self, claim: Claim) -> Outcome:
        return self._counted(await self._facilitator.settle(claim))

    async def recall(self, claim: Claim, since: datetime) -> Outcome:
        return self._counted(await self._facilitator.recall(claim, since))

    async def aclose(self) -> None:
        await self._facilitator.aclose()

    def _counted(self, outcome: Outcome) -> Outcome:
        self._count(WORDS[type(outcome)])
        return outcome
