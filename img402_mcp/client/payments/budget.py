"""Decides whether an offer may be paid. Pure: no key, no clock, no network. Only offers that pass here are signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from img402_mcp.client.payments.payment_required import PaymentRequired, PaymentRequirements
from img402_mcp.errors import PaymentRefused, quoted
from img402_mcp.wire.x402 import NETWORKS, usdc

DAY = 86_400
# Host names that are never sent through the environment's proxies.
THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
# A payee's or a facilitator's clock may be behind ours.
SKEW = 600
# A signed payment can be settled until its window ends, so no server may ask for ten years.
MAX_WINDOW = 600
# Facilitators want 6 s left when the proof arrives.
MIN_WINDOW = 10


@dataclass(frozen=True)
class Names:
    """The settings behind a policy, to be named in a refusal."""

    max_payment: str = "IMG402_MAX_PAYMENT"
    pay_to: str = "IMG402_PAY_TO"
    url: str = "IMG402_API_URL"


@dataclass(frozen=True)
class Policy:
    """Amounts are atomic units of USDC."""

    max_payment: int
    daily_budget: int
    networks: tuple[str, ...] = ("base",)
    pay_to: str | None = None
    """The expected payee; None means the payee of the first payment to that origin."""
    names: Names = Names()


@dataclass(frozen=True)
class Spending:
    """What the journal says about an origin at the time of a decision."""

    spent: int
    """Everything signed in the last 24 hours, for all origins."""
    pinned: Mapping[str, str]
    """Network -> the payee of the first payment."""


def decide(payment_required: PaymentRequired, origin: str, policy: Policy, spending: Spending) -> PaymentRequirements:
    """The cheapest offer that is allowed. Raises PaymentRefused."""
    if not trustworthy(origin):
        raise PaymentRefused(
            f"{quoted(origin)} asks for a payment, but over http anyone in between could take it: only https, or an "
            f"API on this machine, is paid. Nothing was signed. Set {policy.names.url} to its https address."
        )
    refusals = [_refusal(offer, policy, spending) for offer in payment_required.offers]
    allowed = [offer for offer, refusal in zip(payment_required.offers, refusals, strict=True) if not refusal]
    if not allowed:
        raise PaymentRefused(_message(payment_required, origin, refusals))
    return min(allowed, key=lambda offer: offer.amount)


def window(offer: PaymentRequirements, now: float) -> tuple[int, int]:
    """validAfter and validBefore, in seconds of Unix time."""
    return int(now) - SKEW, int(now) + min(offer.timeout_seconds, MAX_WINDOW)


def trustworthy(origin: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in THIS_MACHINE)


def _refusal(offer: PaymentRequirements, policy: Policy, spending: Spending) -> str:
    """The first reason against it, as a sentence; empty if it is allowed."""
    checks = (_network_refusal, _payee_refusal, _window_refusal, _amount_refusal, _day_refusal)
    return next((reason for check in checks if (reason := check(offer, policy, spending))), "")


def _network_refusal(offer: PaymentRequirements, policy: Policy, spending: Spending) -> str:  # noqa: ARG001  # one shape for all checks
    name = offer.network.name
    if NETWORKS.get(name) == offer.network and name in policy.networks:
        return ""
    return f"It asks for USDC on {name}; IMG402_NETWORKS allows {', '.join(policy.networks) or 'none'}."


def _payee_refusal(offer: PaymentRequirements, policy: Policy, spending: Spending) -> str:
    expected = policy.pay_to or spending.pinned.get(offer.network.name)
    if expected is None or expected.lower() == offer.pay_to.lower():
        return ""
    why = f"is expected ({policy.names.pay_to})" if policy.pay_to else "was paid the first time"
    return (
        f"It wants the money sent to {offer.pay_to}, but {expected} {why}. If you know from its operator that the "
        f"payee has changed, set {policy.names.pay_to}={offer.pay_to}."
    )


def _window_refusal(offer: PaymentRequirements, policy: Policy, spending: Spending) -> str:  # noqa: ARG001  # one shape for all checks
    if offer.timeout_seconds >= MIN_WINDOW:
        return ""
    return (
        f"It gives {max(offer.timeout_seconds, 0)} seconds to pay; under {MIN_WINDOW} no payment can be "
        "settled. Only its operator can change that."
    )


def _amount_refusal(offer: PaymentRequirements, policy: Policy, spending: Spending) -> str:  # noqa: ARG001  # one shape for all checks
    if type(offer.amount) is int and 0 < offer.amount <= policy.max_payment:
        return ""
    return (
        f"It asks for {usdc(offer.amount)} USDC; at most {usdc(policy.max_payment)} is allowed for one payment. "
        f"{policy.names.max_payment} changes that."
    )


def _day_refusal(offer: PaymentRequirements, policy: Policy, spending: Spending) -> str:
    if spending.spent + offer.amount <= policy.daily_budget:
        return ""
    return (
        f"It asks for {usdc(offer.amount)} USDC, and {usdc(spending.spent)} of the {usdc(policy.daily_budget)} allowed "
        "in 24 hours is signed already. Wait, or change IMG402_DAILY_BUDGET."
    )


def _message(payment_required: PaymentRequired, origin: str, refusals: list[str]) -> str:
    reasons = [*dict.fromkeys(refusals)] or [
        f"None of its offers can be paid: {'; '.join(payment_required.skipped[:4])}."
    ]
    refused = f"{urlsplit(origin).netloc} asks for a payment that was not made; nothing was signed."
    words = f" Its own words: {quoted(payment_required.error)}" if payment_required.error else ""
    return " ".join((refused, *reasons[:3])) + words
