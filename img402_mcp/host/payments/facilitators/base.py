"""The interface of a facilitator. Nothing here raises for what a payer or a network does: it is an outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from img402_mcp.wire.x402 import Authorization, ExactPayload, Network

Json = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """One payment as facilitators are asked about it: the proof and the offer it must meet, both in `version`."""

    version: int
    network: Network
    pay_to: str
    amount: int
    payload: ExactPayload = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    requirements: Mapping[str, Any] = field(repr=False)

    @property
    def authorization(self) -> Authorization:
        return self.payload.authorization


@dataclass(frozen=True)
class Valid:
    pass


@dataclass(frozen=True)
class Settled:
    """The money has moved. `transaction` is empty where nobody could tell it."""

    transaction: str = ""


@dataclass(frozen=True)
class Rejected:
    """This request moved no money. `used`: the authorization was used up before, by whomever."""

    reason: str
    used: bool = False


@dataclass(frozen=True)
class Unknown:
    """Nobody knows: no answer, half an answer, or a transaction still on its way."""

    reason: str


class Facilitator(Protocol):
    play_money: bool

    async def verify(self, claim: Claim) -> Valid | Rejected | Unknown:
        """Would it settle? Moves nothing."""

    async def settle(self, claim: Claim) -> Settled | Rejected | Unknown:
        """Move the money."""

    async def recall(self, claim: Claim, since: datetime) -> Settled | Rejected | Unknown:
        """What became of an authorization that somebody tried to settle, first at `since`.

        Rejected says that it was not settled and never can be any more.
        """

    async def aclose(self) -> None: ...
