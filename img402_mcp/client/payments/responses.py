"""What an answer means for its payment."""

import re

from pydantic import ValidationError

from img402_mcp.client.http import Response
from img402_mcp.client.payments import payment_required as challenges
from img402_mcp.client.payments.payment import Payment, State
from img402_mcp.wire import x402 as wire


def decides(answer: Response) -> bool:
    """A second 402 may hide a payment that was taken; 408 is a time-out by another name."""
    return answer.status < 500 and answer.status not in {402, 408}


def earlier_answer(payment: Payment) -> Response | None:
    """An answer that was granted before and never used (a used token is in the journal separately), or the result."""
    if payment.state is State.USED:
        return Response(200, {}, (payment.result or "").encode())
    if payment.state is State.ANSWERED and payment.token is None and payment.answer is not None:
        return Response(200, {}, payment.answer)
    return None


# Problems that the payer must solve, or nobody can: repeating the same proof in one call does not help.
_DEFINITE = ("insufficient", "invalid_signature", "invalid_exact_evm", "unsupported", "invalid_payload", "expired")
_NAMES = ("nonce_already_used", "already_used")
LONGEST_REASON = 200


def refusal(answer: Response | None) -> str:
    """The seller's reason for not taking a proof, cut; empty if it gave none. Data, to be quoted."""
    if answer is None or answer.status != 402:
        return ""
    stated = challenges.read(answer).error or _receipt_reason(answer)
    return " ".join(stated.split())[:LONGEST_REASON]


def is_definite(reason: str) -> bool:
    """Whether asking again within the same call is useless. It settles nothing: the proof stays the only proof."""
    said = re.sub(r"[^a-z]+", "_", reason.lower())
    return any(word in said for word in _DEFINITE) and not any(name in said for name in _NAMES)


def _receipt_reason(answer: Response) -> str:
    """A receipt of a settlement that failed names its reason too."""
    for name in wire.RECEIPT_HEADERS.values():
        try:
            reason = wire.decoded(challenges.header(answer, name)).get("errorReason")
        except ValueError:
            continue
        if isinstance(reason, str):
            return reason
    return ""


def retry_after(answer: Response | None) -> float:
    value = challenges.header(answer, "retry-after").strip() if answer else ""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0.0


def settlement(answer: Response, payment: Payment) -> str:
    """The transaction that the receipt names, if it is one."""
    for name in wire.RECEIPT_HEADERS.values():
        try:
            receipt = wire.SettlementResponse.model_validate(wire.decoded(challenges.header(answer, name)))
        except (ValueError, ValidationError):
            continue
        if re.fullmatch(r"0x[0-9a-fA-F]{64}", receipt.transaction, re.ASCII):
            return receipt.transaction
    return payment.settlement
