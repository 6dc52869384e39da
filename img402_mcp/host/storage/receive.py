"""A request's body, multipart or JSON, streamed and counted.

Counted as it comes, so that a body over the limit costs neither memory nor disk: it is refused at the first byte
too many, a wrong type at the first bytes of all. What a refusal leaves unread is dropped by RequestBody.
"""

import base64
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore

from anyio import to_thread
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from img402_mcp.errors import quoted
from img402_mcp.formats import (
    FORMATS,
    LOOKED_AT,
    MAGIC_LENGTH,
    Buffer,
    Format,
    NotAnImage,
    Picture,
    Repaired,
    repaired,
    sniff,
)
from img402_mcp.host.errors import RECEIVED, ApiError, too_large
from img402_mcp.host.storage.spool import Body, arriving
from img402_mcp.wire.img402 import FIELD

OVERHEAD = 64 * 1024  # boundaries, part headers, small fields that are no concern of ours
PARTS = 16
PART_HEADERS, PART_HEADER_BYTES = 8, 4096  # curl and browsers send two short ones
MAX_CODED_BYTES = 200_000
"""Of a GIF without its end mark: a tenth of a second, in which no other upload is looked at."""
_EXAMINERS = BoundedSemaphore(2)  # more walks at a time would only take the interpreter from the event loop
HEAD = 64  # bytes, enough to say what a file is; what it is instead may take all that has come so far
JSON_FIELD, JSON_VALUES = "file", 500

# It warns of each malformed body; the client is told, and the access log has its line.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


class Incoming:
    """The image's bytes, counted and looked at as they come."""

    def __init__(self, body: Body, max_bytes: int, formats: tuple[Format, ...] = FORMATS) -> None:
        self.body, self.size = body, 0
        self._max_bytes, self._formats, self._head = max_bytes, formats, b""

    @property
    def path(self) -> Path:
        """Blocks."""
        return self.body.path

    def write(self, piece: Buffer) -> None:
        self.size += len(piece)
        if self.size > self._max_bytes:
            raise too_large(self._max_bytes)
        if len(self._head) < HEAD:
            self._look_at(piece)
        self.body.write(piece)

    def check_not_empty(self) -> None:
        if not self.size:
            raise ApiError(
                "empty_file", "The image has zero bytes. Check that it was completely written before it was sent."
            )

    def examine(self) -> Picture:
        """Walk the whole structure, and leave nothing but the image: repaired, and cut at its end. Blocks."""
        with _EXAMINERS, self.body.view() as data:
            image = _image(data, self._formats)
            new = None if image.data is data else bytes(image.data[: image.picture.end])
        if new is not None:
            self.body.replace(new)
        elif image.picture.end < self.size:
            self.body.cut(image.picture.end)
        self.size = image.picture.end
        return image.picture

    def _look_at(self, piece: Buffer) -> None:
        self._head = (self._head + bytes(piece[:LOOKED_AT]))[:LOOKED_AT]
        if len(self._head) >= HEAD and sniff(self._head) not in self._formats:
            _image(self._head, self._formats)


def _image(data: Buffer, formats: tuple[Format, ...]) -> Repaired:
    """The host decodes nothing, so it takes no JPEG of which only decoding would show whether it is whole."""
    found = sniff(bytes(data[:MAGIC_LENGTH]))
    if found is not None and found not in formats:
        raise _unsupported(f"is a {found.name}", formats)
    try:
        image = repaired(data, MAX_CODED_BYTES)
    except NotAnImage as error:
        raise _unsupported(str(error), formats) from None
    if not image.is_proven:
        raise _unsupported("is a JPEG without its end mark, so it may be cut off; save it again", formats)
    return image


def _unsupported(what_it_is: str, formats: tuple[Format, ...]) -> ApiError:
    message = f"The file {what_it_is}. {_names(formats)} accepted; the bytes decide, not the name."
    return ApiError("unsupported_format", message)


def _names(formats: tuple[Format, ...]) -> str:
    """`PNG, JPEG and WebP are`, `Only PNG is`."""
    *others, last = [form.name for form in formats]
    return f"{', '.join(others)} and {last} are" if others else f"Only {last} is"


@dataclass(frozen=True)
class ImageRules:
    """What a request is to carry. `example` is a command that works, for the refusals."""

    max_bytes: int
    example: str
    field: str = FIELD
    formats: tuple[Format, ...] = FORMATS
    as_json: bool = True


@asynccontextmanager
async def incoming_image(request: Request, spool: Path, rules: ImageRules) -> AsyncGenerator[Incoming]:
    """The image that the request carries. Its file is gone when the block ends, unless the store took it over."""
    with arriving(spool) as body:
        incoming = Incoming(body, rules.max_bytes, rules.formats)
        await _receive(request, incoming, rules)
        incoming.check_not_empty()
        yield incoming


async def _receive(request: Request, incoming: Incoming, rules: ImageRules) -> None:
    if (encoding := request.headers.get("content-encoding", "identity")) != "identity":
        raise _no_file(f"The body's Content-Encoding is {quoted(encoding)}: send it without one.", rules)
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"multipart/form-data" and options.get(b"boundary"):
        form = _Form(options[b"boundary"], incoming, rules)
        await form.receive(counted(request, rules.max_bytes + OVERHEAD, rules.max_bytes))
    elif kind == b"application/json" and rules.as_json:
        most = rules.max_bytes * 4 // 3 + OVERHEAD
        pieces = [piece async for piece in counted(request, most, rules.max_bytes)]
        incoming.write(await to_thread.run_sync(_image_in_json, b"".join(pieces), rules))
    else:
        came = quoted(request.headers.get("content-type", ""))
        wanted = "no multipart form and no JSON" if rules.as_json else "no multipart form"
        raise _no_file(f"The request's Content-Type is {came}: {wanted}.", rules)


async def counted(request: Request, most: int, max_bytes: int) -> AsyncIterator[bytes]:
    """The body's pieces, at most so many bytes in all, refused at once where it announces more."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise too_large(max_bytes)
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        request.scope[RECEIVED] = size
        if size > most:
            raise too_large(max_bytes)
        yield piece


def _no_file(what_came: str, rules: ImageRules) -> ApiError:
    instead = f' (or as JSON: {{"{JSON_FIELD}": "<base64>"}})' if rules.as_json else ""
    return ApiError(
        "no_file", f'{what_came} Send the image as the multipart field "{rules.field}": {rules.example}{instead}.'
    )


class _Form:
    """A multipart body: the one part that was asked for goes on, all else is dropped."""

    def __init__(self, boundary: bytes, incoming: Incoming, rules: ImageRules) -> None:
        self._boundary, self._incoming, self._rules = boundary, incoming, rules
        self._names: list[str] = []
        self._header, self._value, self._name = b"", b"", ""
        self._whole = False

    async def receive(self, pieces: AsyncIterator[bytes]) -> None:
        try:
            parser = self._parser()
            async for piece in pieces:
                parser.write(piece)
        except FormParserError as error:
            raise _no_file(f"The multipart body is malformed: {error}.", self._rules) from None
        self._check_whole()

    def _parser(self) -> MultipartParser:
        return MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_to_header,
                "on_header_value": self._add_to_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._name_part,
                "on_part_data": self._pass_on,
                "on_end": self._end,
            },
            max_header_count=PART_HEADERS,
            max_header_size=PART_HEADER_BYTES,
        )

    def _check_whole(self) -> None:
        if self._rules.field not in self._names:
            came = ", ".join(quoted(name, 40) for name in self._names) or "no field at all"
            raise _no_file(f'The form has {came} and no field "{self._rules.field}".', self._rules)
        if not self._whole:
            raise _no_file("The multipart body ends before its closing boundary.", self._rules)

    def _begin_part(self) -> None:
        self._name = ""
        if len(self._names) == PARTS:
            raise _no_file(f"The form has more than {PARTS} fields.", self._rules)

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._header = self._value = b""

    def _name_part(self) -> None:
        if self._name == self._rules.field and self._name in self._names:
            raise _no_file(f'The form has the field "{self._name}" twice; send one image per request.', self._rules)
        self._names.append(self._name)

    def _pass_on(self, data: bytes, start: int, end: int) -> None:
        if self._name == self._rules.field:
            self._incoming.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._whole = True


def _image_in_json(body: bytes, rules: ImageRules) -> bytes:
    # Before it is parsed: each value costs thirty times its own bytes, and base64 has none of these marks.
    if sum(map(body.count, (b"[", b"{", b","))) > JSON_VALUES:
        raise _no_file(f"The JSON has more than {JSON_VALUES} values.", rules)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _no_file("The body claims to be JSON, but is not.", rules) from None
    text = document.get(JSON_FIELD) if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise _no_file(f'The JSON has no string "{JSON_FIELD}".', rules)
    try:  # `data:image/png;base64,` in front is what browsers and models add
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except ValueError:
        raise _no_file(f'"{JSON_FIELD}" is not base64 (standard alphabet, padded, no line breaks).', rules) from None
