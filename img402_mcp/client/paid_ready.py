"""Checks an image before money moves: it is within the paid limit, and the API would not keep it for good for free."""

from dataclasses import replace

from img402_mcp.caller import worded
from img402_mcp.client.apis.img402 import DOCUMENTED_ON
from img402_mcp.client.files.image import Image
from img402_mcp.client.lifetimes import Lifetimes, size_in_words
from img402_mcp.client.upload import Uploader, UploadOptions
from img402_mcp.errors import PaymentRefused


async def ready_to_pay(uploader: Uploader, image: Image, options: UploadOptions, where: str, *, paid: bool) -> Image:
    """`paid`: it is already paid for. Raises ReadRefused, PaymentRefused."""
    limit = await uploader.api_limits.paid_bytes()
    if limit is not None and len(image.data) > limit and not options.fit and not paid:
        raise PaymentRefused(
            f"The image has {len(image.data):,} bytes and {where} takes at most {limit:,} for a paid upload; nothing "
            f"was paid. {worded(tool='Allow fit', command='Leave out --no-fit')}, or make it smaller: crop, or save it "
            "as WebP or JPEG."
        )
    ready = await uploader.fitting(image, limit, options)
    return ready if paid else _worth_paying(ready, await uploader.api_limits.lifetimes(), where)


def _worth_paying(image: Image, lives: Lifetimes, where: str) -> Image:
    """Terms that are only documented may have changed, so they are no reason to refuse."""
    tier = lives.tier_of(len(image.data))
    if tier is None or tier.days is not None:
        return image
    most = size_in_words(tier.max_bytes)
    if lives.is_stated:
        raise PaymentRefused(
            f"{where} states that images up to {most} are kept for good without payment, and this one has "
            f"{len(image.data):,} bytes: {_for_free()} instead. Nothing was paid."
        )
    note = f"As documented in {DOCUMENTED_ON}, images up to {most} are kept for good without payment: {_for_free()}."
    return replace(image, notes=(*image.notes, note))


def _for_free() -> str:
    return worded(tool="call upload_free", command="leave out --paid")
