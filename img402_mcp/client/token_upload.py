"""Tokens without a wallet and a journal: what one costs, and an upload with one that was paid for elsewhere."""

from urllib.parse import urlsplit

from img402_mcp.client.apis.base import on_sent
from img402_mcp.client.apis.img402 import DOCUMENTED_FREE_BYTES
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import Tries
from img402_mcp.client.payments import payment_required
from img402_mcp.client.payments.payment_required import PaymentRequirements
from img402_mcp.client.reuse import PAID
from img402_mcp.client.upload import DEFAULT_OPTIONS, Progress, Upload, Uploader, UploadOptions
from img402_mcp.errors import BadAnswer, PaymentRefused, TokenRefused, UploadFailed


async def with_foreign_token(
    uploader: Uploader,
    path: str,
    token: str,
    progress: Progress | None = None,
    options: UploadOptions = DEFAULT_OPTIONS,
) -> Upload:
    """An upload with a token that was paid for elsewhere. It never buys anything."""
    image = await fitting_for_token(uploader, await uploader.read(path, exact=True, fit=options.fit), options)
    tries = Tries()
    send = tries.watching(uploader.send)
    try:
        receipt = await uploader.service.upload_with_token(image, token, send, on_sent(image, progress))
    except (TokenRefused, UploadFailed) as error:
        raise _maybe_delivered(error, in_doubt=tries.in_doubt) from error
    return await uploader.complete(image, receipt, options, PAID)


async def fitting_for_token(uploader: Uploader, image: Image, options: UploadOptions) -> Image:
    """Makes the image fit before a token is used. Raises ReadRefused."""
    is_small = len(image.data) <= min(DOCUMENTED_FREE_BYTES) and not image.must_be_converted
    limit = None if is_small else await uploader.api_limits.paid_bytes()
    return await uploader.fitting(image, limit, options)


def _maybe_delivered(error: TokenRefused | UploadFailed, *, in_doubt: bool) -> TokenRefused | UploadFailed:
    if not in_doubt:
        return error
    again = "Make the same call again with the same token; nothing is bought."
    return error.adding(
        "The image may have been delivered, although no answer confirmed it. Only the payer can ask for its URL. "
        f"{'Nothing was bought.' if isinstance(error, TokenRefused) else again}"
    )


async def upload_price(uploader: Uploader) -> tuple[str, PaymentRequirements]:
    """The address to pay, and the cheapest offer there. Raises UploadFailed, UploadRejected, PaymentRefused."""
    request = uploader.service.token_request()
    answer = await uploader.send(request)
    if answer.status != 402:
        uploader.service.token_in(answer)
        raise BadAnswer(f"{urlsplit(request.url).netloc} gives tokens without asking for a payment; upload_paid works.")
    offers = payment_required.read(answer)
    if not offers.offers:
        raise PaymentRefused(f"The payment asked for there cannot be made from here: {'; '.join(offers.skipped[:3])}.")
    return request.url, min(offers.offers, key=lambda each: each.amount)
