"""What an answer means for the payment that it came for."""

from pydantic import ValidationError

from img402_mcp.client.http import Response
from img402_mcp.client.payments import payment_required as challenges
from img402_mcp.client.payments.payment import Payment, State
from img402_mcp.wire import x402 as wire


def decides(answer: Response) -> bool:
    """A second 402 may hide a payment that was taken; 408 is a time-out by another name."""
    return answer.status < 500 and answer.status not in {402, 408}


def grants(answer: Response) -> bool:
    return 200 <= answer.status < 300


def earlier_answer(payment: Payment) -> Response | None:
    """What was granted before and never taken up (a token that was is in the journal for itself), or the result."""
    if payment.state is State.USED:
        return Response(200, {}, (payment.result or "").encode())
    if payment.state is State.ANSWERED and payment.token is None and payment.answer is not None:
        return Response(200, {}, payment.answer)
    return None


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
        if _is_hash(receipt.transaction):
            return receipt.transaction
    return payment.settlement


def _is_hash(text: str) -> bool:
    return len(text) == 66 and text.startswith("0x") and set(text[2:].lower()) <= set("0123456789abcdef")
