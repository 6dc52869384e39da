"""The interface of a facilitator. What a payer or a network does never raises: it is an outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from img402_mcp.wire.x402 import Authorization, ExactPayload, Network


@dataclass(frozen=True)
class Claim:
    """One payment as facilitators see it: the proof and the offer that it must match, both in `version`."""

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
    """The money has moved. `transaction` is empty where it is not known."""

    transaction: str = ""


@dataclass(frozen=True)
class Rejected:
    """This request moved no money. `used`: the authorization was used before."""

    reason: str
    used: bool = False


@dataclass(frozen=True)
class Unknown:
    """The outcome is unknown: no answer, half an answer, or a transaction still pending."""

    reason: str


class Facilitator(Protocol):
    async def verify(self, claim: Claim) -> Valid | Rejected | Unknown:
        """Checks whether it would settle. Moves no money."""

    async def settle(self, claim: Claim) -> Settled | Rejected | Unknown:
        """Move the money."""

    async def recall(self, claim: Claim, since: datetime) -> Settled | Rejected | Unknown:
        """The outcome of an authorization that was first submitted at `since`.

        Rejected means that it was not settled and never can be.
        """

    async def aclose(self) -> None: ...
