"""The studio's uploads (docs/specs/studio.md): an input image for its workflows."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
from pydantic import ValidationError

from img402_mcp.client.apis.base import UploadApi, demand_fits, fields_in, in_words, multipart, showable, unknown_answer
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import OnSent, Request, Response, Send, retrying
from img402_mcp.errors import BadAnswer, UploadFailed, UploadRejected
from img402_mcp.wire import studio as wire

# A handle must not break out of a line or pass for markup.
_KEY = re.compile(r"[A-Za-z0-9._~/+=:@%,-]{1,1024}", re.ASCII)


@dataclass(frozen=True)
class StudioInput:
    """`upload_key` is the durable handle; `image_url` a preview that soon expires, or None if none is usable."""

    upload_key: str
    image_url: str | None


@dataclass(frozen=True)
class Studio(UploadApi):
    token: str = field(repr=False)
    pause: Callable[[float], Awaitable[None]] = anyio.sleep

    async def upload(self, image: Image, send: Send, on_sent: OnSent | None = None) -> StudioInput:
        """Free: sending again leaves one unused copy at worst. Raises ReadRefused, UploadRejected, UploadFailed."""
        demand_fits(image, "the studio", wire.MEDIA_TYPES, wire.MAX_BYTES)
        answer = await retrying(send, self.pause)(self._request(image, on_sent))
        return self._stored(image, answer)

    def _request(self, image: Image, on_sent: OnSent | None) -> Request:
        kind, body = multipart(wire.FIELD, image)
        headers = {"Authorization": f"Bearer {self.token}", **kind}
        return Request("POST", self.api_url + wire.UPLOADS, headers, body, on_sent)

    def _stored(self, image: Image, answer: Response) -> StudioInput:
        if not answer.is_success:
            raise self._rejection(image, answer)
        key, url = (fields_in(answer.body).get(name) for name in ("upload_key", "image_url"))
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise BadAnswer(
                f"{self.where} answered {answer.status}, but with no usable upload_key in it. Is the setting "
                f"IMG402_STUDIO_URL, now {self.api_url}, the address of a studio API?"
            )
        return StudioInput(key, self._preview(url))

    def _preview(self, url: object) -> str | None:
        try:
            return showable(url, self.api_url) if isinstance(url, str) else None
        except BadAnswer:
            return None

    def _rejection(self, image: Image, answer: Response) -> UploadRejected | UploadFailed:
        sentence = _SENTENCES.get(answer.status) or unknown_answer(answer.status, "studio", "IMG402_STUDIO_URL")
        message = in_words(sentence, answer, self.api_url, words=_detail(answer), most=400, size=len(image.data))
        return UploadFailed(message) if answer.status >= 500 else UploadRejected(message, code=str(answer.status))


MOST_FLAWS = 5
_SENTENCES = {
    wire.UNAUTHORIZED: "{where} does not accept the token: set IMG402_STUDIO_TOKEN to one that is valid.",
    wire.FORBIDDEN: "{where} knows the token, but it may not upload: it needs that capability.",
    wire.TOO_LARGE: "The image has {size:,} bytes, more than {where} takes. Make it smaller (crop, scale down, or save "
    "it as WebP or JPEG) and upload that file.",
    wire.INVALID: "{where} found something wrong with the upload.",
    wire.RATE_LIMITED: "{where} accepts no more uploads for now: try again {wait}. Nothing is wrong with the image.",
}


def _detail(answer: Response) -> str:
    """The service's message in one line: `detail`, which is a text or FastAPI's list of errors, or `error`."""
    try:
        flaws = wire.Invalid.model_validate_json(answer.body).detail
    except (ValidationError, RecursionError):
        fields = fields_in(answer.body)
        detail, error = fields.get("detail"), fields.get("error")
        return detail if isinstance(detail, str) else _in_error(error) if isinstance(error, dict) else ""
    return "; ".join(f"{'.'.join(map(str, flaw.loc))}: {flaw.msg}" for flaw in flaws[:MOST_FLAWS])


def _in_error(error: dict[str, object]) -> str:
    """`{"code", "message", "request_id"}`, which the service answers on every failure since 2026."""
    code, message, request = (error.get(name) for name in ("code", "message", "request_id"))
    said = ": ".join(each for each in (code, message) if isinstance(each, str) and each)
    return f"{said} (request {request[:64]})" if said and isinstance(request, str) and request else said
