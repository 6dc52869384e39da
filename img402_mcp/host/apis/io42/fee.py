"""A submission's entry fee as an x402 sale: paid once, answered in io42's envelope."""

from img402_mcp.host.payments.records import ONCE
from img402_mcp.host.payments.requirements import Json, Sale
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.settings.io42 import Io42HostSettings
from img402_mcp.host.sizes import exact_size
from img402_mcp.wire import io42
from img402_mcp.wire.x402 import usdc

INTENT_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "fileName": {"type": "string", "minLength": 1},
        "fileType": {"type": "string", "enum": [*io42.MEDIA_TYPES]},
        "fileSize": {"type": "integer", "minimum": 1},
    },
    "required": ["fileName", "fileType", "fileSize"],
}


def fee_product(submission_id: str) -> str:
    return f"{ONCE}io42 {submission_id}"


def fee_sale(project_id: str, submission_id: str, fee: int, settings: HostSettings) -> Sale:
    path = io42.SUBMISSION.format(project_id=project_id, submission_id=submission_id)
    terms = settings.of(Io42HostSettings)
    size, (fewest, most) = exact_size(terms.max_bytes), terms.pixels
    accepted = f"{', '.join(io42.MEDIA_TYPES)}; at most {size}, {fewest}x{fewest} to {most}x{most} pixels."
    return Sale(
        product=fee_product(submission_id),
        price=fee,
        url=f"{settings.public_url}/api{path}",
        description=f"The project's entry fee of {usdc(fee)} USDC for one submission's image: {accepted}",
        body={"fileName": "logo-design.png", "fileType": "image/png", "fileSize": 2_048_576},
        body_schema=INTENT_SCHEMA,
        answer={"success": True, "data": {"uploadUrl": f"{settings.public_url}/uploads/..."}, "error": None},
        envelope=envelope,
    )


def envelope(offer: Json, code: str, message: str) -> Json:
    """The 402's body: x402's fields next to the API's own."""
    word = "PAYMENT_REQUIRED" if code == "payment_required" else "PAYMENT_FAILED"
    refused = io42.ErrorEnvelope(error=io42.EnvelopeError(code=word, message=message))
    return {**offer, **refused.model_dump(mode="json", by_alias=True)}
