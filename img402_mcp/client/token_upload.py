"""An upload with a token that was paid for elsewhere: it needs no wallet and no journal, and buys nothing."""

from dataclasses import dataclass

from img402_mcp.client.apis.img402 import DOCUMENTED_FREE_BYTES, DOCUMENTED_PAID_BYTES
from img402_mcp.client.files.safe_open import Image
from img402_mcp.client.http import Answer, Request, Send
from img402_mcp.client.reuse import PAID
from img402_mcp.client.settings import HOSTED_API
from img402_mcp.client.upload import AS_USUAL, Corridor, Progress, Upload, Wish, reported
from img402_mcp.errors import AnswerLost, BadAnswer, TokenRefused, UploadFailed


async def with_foreign_token(
    corridor: Corridor, path: str, token: str, progress: Progress | None = None, wish: Wish = AS_USUAL
) -> Upload:
    """An upload with a token that was paid for elsewhere. Buys nothing, whatever happens."""
    image = await fitting_for_token(corridor, await corridor.read(path), wish)
    watch = _Watch(corridor.send)
    try:
        receipt = await corridor.service.upload_with_token(image, token, reported(watch.send, image, progress))
    except (TokenRefused, UploadFailed) as error:
        raise _maybe_delivered(error, in_doubt=watch.in_doubt) from error
    return await corridor.told(image, receipt, wish, PAID)


async def fitting_for_token(corridor: Corridor, image: Image, wish: Wish) -> Image:
    """Before a token is used. Raises ReadRefused."""
    limit = None if len(image.data) <= min(DOCUMENTED_FREE_BYTES) else await paid_limit(corridor)
    return image if limit is None else await corridor.fitting(image, limit, wish)


async def paid_limit(corridor: Corridor) -> int | None:
    """What the API states for paid uploads, else the newest documented limit; None: not known."""
    stated = await corridor.stated()
    if stated and stated.paid:
        return stated.paid.max_bytes
    return DOCUMENTED_PAID_BYTES if corridor.settings.api_url == HOSTED_API else None


@dataclass
class _Watch:
    """Remembers whether an answer was lost on the way."""

    _send: Send
    in_doubt: bool = False

    async def send(self, request: Request) -> Answer:
        try:
            answer = await self._send(request)
        except (AnswerLost, BadAnswer):
            self.in_doubt = True
            raise
        self.in_doubt = self.in_doubt or answer.status >= 500
        return answer


def _maybe_delivered(error: TokenRefused | UploadFailed, *, in_doubt: bool) -> TokenRefused | UploadFailed:
    if not in_doubt:
        return error
    told = (
        f"{error} An answer was lost before: the image may be delivered, under a URL that only its payer can ask for."
    )
    if isinstance(error, TokenRefused):
        return TokenRefused(f"{told} Nothing was bought.", code=error.code)
    return UploadFailed(f"{told} Make the same call again with the same token; nothing is bought.")
