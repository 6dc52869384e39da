"""The results of uploads, batches and payments, as text and as fields: the same for models, people and scripts."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from img402_mcp.errors import quoted
from img402_mcp.wire.moments import in_utc, moment_of

if TYPE_CHECKING:
    from img402_mcp.client.apis.base import Receipt
    from img402_mcp.client.batch import Success
    from img402_mcp.client.paid_upload import Status
    from img402_mcp.client.payments.payment import Payment
    from img402_mcp.client.upload import Upload


def upload_fields(upload: "Upload") -> dict[str, Any]:
    """Empty fields are left out; the first seven are always there."""
    receipt = upload.receipt
    said = {
        "reused": upload.reused or None,
        "done": "; ".join(upload.done) or None,
        "verified": upload.verified,
        "note": " ".join(filter(None, (note_of(upload), upload.life))) or None,
        "delete_url": receipt.delete_url or None,
    }
    return {
        "url": receipt.url,
        "id": receipt.id,
        "content_type": receipt.content_type,
        "size_bytes": receipt.size_bytes,
        "expires_at": moment(receipt),
        "width": upload.width,
        "height": upload.height,
        "markdown": upload.markdown,
    } | {name: value for name, value in said.items() if value is not None}


def note_of(upload: "Upload") -> str:
    return " ".join((*upload.receipt.notes, *upload.notes))


def moment(receipt: "Receipt") -> str | None:
    return in_utc(receipt.expires_at) if receipt.expires_at else None


def upload_text(upload: "Upload") -> str:
    receipt = upload.receipt
    facts = f"{receipt.content_type}, {upload.width}x{upload.height}, {receipt.size_bytes} bytes"
    facts += "" if upload.life else f", {_expiry(receipt)}"
    facts += {None: "", True: ", verified", False: ", NOT verified"}[upload.verified]
    reused = "Already uploaded, so its existing URL is returned. Nothing was sent or paid." if upload.reused else ""
    done = f"Sent after: {'; '.join(upload.done)}." if upload.done else ""
    said = " ".join(filter(None, (note_of(upload), reused, done, f"{facts}.", upload.life)))
    delete = [f"To take it down: {receipt.delete_url}"] if receipt.delete_url else []
    return "\n".join((upload.markdown, said, *delete))


def _expiry(receipt: "Receipt") -> str:
    never = "expiry unknown" if receipt.notes else "no expiry"
    return f"expires {receipt.expires_at:%Y-%m-%d %H:%M}Z" if receipt.expires_at else never


def remark(uploaded: "Success") -> str:
    """What was done to it, or is in doubt; most have no remark."""
    facts = facts_of(uploaded.upload)
    return f"{quoted(uploaded.path)}: {facts}" if facts else ""


def facts_of(upload: "Upload", lifetime: str = "") -> str:
    """In few words, which go on from the file's name; what is in doubt follows in sentences."""
    reused = "already uploaded, so its existing URL is returned" if upload.reused else ""
    done = f"sent after: {'; '.join(upload.done)}" if upload.done else ""
    doubt = "NOT verified" if upload.verified is False else ""
    facts = ", ".join(filter(None, (lifetime, reused, done, doubt)))
    return ". ".join(filter(None, (facts, note_of(upload))))


def open_payment_text(payment: "Payment") -> str:
    from img402_mcp.wire.x402 import usdc  # noqa: PLC0415  # most sessions never pay

    intent = payment.intent
    bought = f"file {intent.source[:12]}" if len(intent.source) == 64 else "a token"
    until = moment_of(payment.valid_before)
    said = f" The API did not take it: {quoted(payment.refusal)}." if payment.refusal else ""
    return (
        f"{usdc(payment.amount)} USDC to {urlsplit(intent.origin).netloc} for {bought}, nonce {payment.nonce}, "
        f"chargeable until {until:%Y-%m-%d %H:%M:%S}Z: {_NEXT[payment.state.value]}.{said}"
    )


_AGAIN = (
    "unclear; the same call again sends the same proof, and never pays twice. After that time, IMG402_RPC_URL or "
    "`img402-mcp wallet resolve` closes it"
)
_NEXT = {
    "signed": "not sent yet; the same call again sends it",
    "sent": _AGAIN,
    "ambiguous": _AGAIN,
    "answered": "paid, but not used yet; the same call again uses it",
    "undelivered": "charged, but not delivered; the same call again asks for it",
}


def status_text(status: "Status") -> str:
    from img402_mcp.wire.x402 import usdc  # noqa: PLC0415  # the same

    return "\n".join(
        (
            f"Wallet {status.address} on {', '.join(status.networks)}",
            f"Spent in 24 hours: {usdc(status.spent_today)} USDC, left: {usdc(status.left_today)}",
            f"Spent in all: {usdc(status.spent_in_all)} USDC",
            *([open_payment_text(payment) for payment in status.open] or ["No payment is open."]),
        )
    )
