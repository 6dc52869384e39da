"""What the API asks for one paid upload, for anyone who pays by other means."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from img402_mcp.client.payments import payment_required
from img402_mcp.client.payments.payment_required import PaymentRequirements
from img402_mcp.client.upload import Uploader
from img402_mcp.errors import (
    BadAnswer,
    PaymentRefused,
)
from img402_mcp.wire.x402 import usdc


@dataclass(frozen=True)
class UploadPrice:
    """What the API asks for one paid upload, for anyone who pays by other means. `amount` is decimal USDC."""

    endpoint: str
    amount: str
    network: str
    asset: str
    pay_to: str
    offer: PaymentRequirements


async def upload_price(uploader: Uploader) -> UploadPrice:
    """Reads the token route's 402; pays nothing. Raises UploadFailed, UploadRejected, PaymentRefused."""
    request = uploader.service.token_request()
    answer = await uploader.send(request)
    if answer.status != 402:
        uploader.service.token_in(answer)
        raise BadAnswer(f"{urlsplit(request.url).netloc} gives tokens without asking for a payment; upload_paid works.")
    offers = payment_required.read(answer)
    if not offers.offers:
        raise PaymentRefused(f"The payment asked for there cannot be made from here: {'; '.join(offers.skipped[:3])}.")
    offer = min(offers.offers, key=lambda each: each.amount)
    return UploadPrice(request.url, usdc(offer.amount), offer.network.name, offer.network.usdc, offer.pay_to, offer)
