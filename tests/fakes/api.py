"""An img402 API that accepts what the test wants."""

from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from img402_mcp.client.http import Request, Response
from tests.fakes.serving import Hanging, InMemory, reply
from tests.fakes.wire import API

if TYPE_CHECKING:
    from collections.abc import Callable


class Api:
    """Accepts images up to `limit` bytes, refuses larger ones in its own `words`, and records the `sizes` that came.

    `stated`: its answer about its limits. A `choosy` one always refuses the first format other than PNG. `served`: what
    its URLs serve; without it they never answer. A test may replace `on_upload`.
    """

    def __init__(
        self,
        limit: int = 10**8,
        words: str = "The file exceeds the limit.",
        *,
        stated: object = None,
        choosy: bool = False,
    ) -> None:
        self.url = API
        self.limit, self.words = limit, words
        self.sizes: list[int] = []
        self.questions = 0
        self.served: Response | None = None
        self.looked = anyio.Event()
        self.on_upload: Callable[[bytes], Response] = self.taken
        self.transport = InMemory(self.answer)
        self._stated, self._choosy, self._refused = stated, choosy, b""
        self._numbers = count(1)

    def answer(self, request: Request) -> Response:
        if request.method == "POST":
            image = b"".join(request.body).split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
            self.sizes.append(len(image))
            return self.on_upload(image)
        return self._limits() if urlsplit(request.url).path == "/openapi.json" else self._image()

    def taken(self, image: bytes) -> Response:
        if self._choosy and not image.startswith(b"\x89PNG"):
            self._refused = self._refused or image[:4]
        if self._refused and image.startswith(self._refused):
            return reply(400, {"error": "unsupported_format", "message": "Only PNG and JPEG."})
        if len(image) > self.limit:
            return reply(400, {"error": "file_too_large", "message": self.words})
        number = next(self._numbers)
        return reply(200, {"url": f"{self.url}/{number}.png", "id": f"{number}", "expiresAt": None})

    def _limits(self) -> Response:
        self.questions += 1
        return reply(200, {"x-img402-limits": self._stated}) if self._stated else reply(500)

    def _image(self) -> Response:
        self.looked.set()
        if self.served is None:
            raise Hanging
        return self.served
