"""The messages between the server and the worker that decodes: an order in, an outcome or a reason out, then bytes.

One line of JSON, then the image. The server believes none of it: every field has a type and a range, words are made
from codes, and the bytes are walked again.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from img402_mcp.caller import worded

MAX_PIXELS = 50_000_000
"""Over all frames. A phone's photo has 12 to 48 million; decoded, 4 bytes each, with one copy, that is 400 MB."""
MEMORY = 512_000_000  # bytes of address space; libwebp's lossless encoder takes 24 for each pixel
PROCESSOR_SECONDS = 20
WALL_SECONDS = 30.0  # the processor may be shared with seven other children
MAX_HEAD_BYTES = 4096


class Unfit(Exception):
    """`code` is one of REASONS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


REASONS = {
    "pixels": (
        f"it has more than {MAX_PIXELS:,} pixels, counting all frames",
        "Scale it down, crop it or drop frames first",
    ),
    "memory": ("decoding and encoding it takes too much memory", "Scale it down or crop it first"),
    "time": ("decoding and encoding it takes too long", "Scale it down or crop it first"),
    "broken": ("its pixels cannot be decoded: it is damaged, or made to do harm", "Save it again with another program"),
    "unknown": (
        "it is damaged, or of a kind that cannot be decoded here",
        "Save it as PNG or JPEG with the program that made it",
    ),
    "profile": (
        "it is in CMYK without a usable colour profile, so its colours are not known",
        "Save it as RGB, or with its profile",
    ),
    "colours": (
        "it declares its colours in a way that would be lost (a PNG's cICP, an AVIF's colour codes, a damaged profile)",
        "Save it with an ICC profile or as sRGB",
    ),
    "hdr": (
        "it is HDR (PQ, HLG or floating point), and in 8 bits its highlights would be lost",
        "Export it as an SDR image: PNG or JPEG in sRGB or Display P3",
    ),
    "raw": (
        "it is a camera's raw photo, of which only a small preview could be decoded",
        "Develop it and save it as JPEG or PNG",
    ),
    "avif": ("this build of Pillow has no decoder for AVIF", "Save it as JPEG or PNG"),
    "heic": (
        "no decoder for HEIC is installed",
        "Save it as JPEG or PNG, or install the decoder: pip install 'img402-mcp[heic]'",
    ),
    "moving": (
        "it is animated, and only WebP, which is not accepted there, could keep that",
        "Send one frame of it, or fewer and smaller frames",
    ),
    "cut": ("pixels are missing at its end", "Try again once it is complete, or save it again"),
    "formats": ("no format that is accepted there can hold it", "Save it as PNG, JPEG or WebP"),
    "floor": (
        "even at the lowest acceptable quality and size it stays too large",
        "Crop it, or send it to an API with a larger limit",
    ),
    "kept": (
        "to be kept longest it would have to shrink to less than half its width and height",
        "Crop it, upload it in several parts, or {}",
    ),
    "ended": ("the program that decodes it ended without an answer", "Save it again with another program"),
}
"""Code -> (what was in the way, the way out). `{}` is how the caller does without `keep`."""


def reason_and_way_out(code: str) -> tuple[str, str]:
    reason, way_out = REASONS[code]
    return reason, way_out.format(worded(tool="call again with keep=false", command="upload it with --no-keep"))


@dataclass(frozen=True)
class Order:
    """Without formats the image is only decoded, to check that it is complete."""

    limit: int
    name: str
    formats: tuple[str, ...] = ()
    least_scale: int = 1
    """Percent. A smaller result does not count."""


@dataclass(frozen=True)
class Outcome:
    """What was done. None or a default: this was not done."""

    reason: str | None = None
    quality: int | None = None
    bits: int | None = None
    colours: int | None = None
    scale: int = 100
    depth: int = 8
    """Bits of each channel before; a result has 8."""
    pages: int = 1
    """Pages or frames that it had; only the first was converted."""
    was_converted: bool = False
    had_metadata: bool = False

    def in_words(self) -> str:
        parts = [
            self._encoding(),
            _SCALED.format(self.scale) if self.scale < 100 else "",
            f"{self.depth} bit to 8 bit" if self.depth > 8 else "",
            f"the first of {self.pages} pages or frames" if self.pages > 1 else "",
            "colours converted to sRGB" if self.was_converted else "",
            "metadata dropped" if self.had_metadata else "",
        ]
        return ", ".join(filter(None, parts))

    def _encoding(self) -> str:
        if self.quality is not None:
            return f"quality {self.quality}"
        if self.bits is not None:
            return f"colours rounded to {self.bits} bits"
        if self.colours is not None:
            return f"{self.colours} colours"
        return "" if self.depth > 8 or self.was_converted or self.scale < 100 else "lossless"


_SCALED = "scaled to {} %"
_UNREADABLE = 50  # percent; small text is still readable at about half its size


def warnings(done: Iterable[str]) -> tuple[str, ...]:
    """The warnings about an image that was sent earlier, from the text that was recorded then."""
    scales = [int(scale) for step in done for scale in re.findall(_SCALED.format(r"(\d{1,2})"), step)]
    return tuple(
        f"At {scale} % of its size, small text in the image may be unreadable: "
        "crop it to what matters, or upload it in several parts."
        for scale in scales
        if scale < _UNREADABLE
    )


_RANGES = {
    "quality": (1, 100),
    "bits": (1, 8),
    "colours": (2, 256),
    "scale": (1, 100),
    "depth": (8, 64),
    "pages": (1, 2**31),
}
_NEVER_NONE = ("scale", "depth", "pages")


def packed(head: Order | Outcome, data: bytes = b"") -> bytes:
    return json.dumps(asdict(head)).encode() + b"\n" + data


def order_in(message: bytes) -> tuple[Order, bytes]:
    """Read by the worker, which trusts the server."""
    line, _, data = message.partition(b"\n")
    head = json.loads(line)
    return Order(head["limit"], head["name"], tuple(head["formats"]), head["least_scale"]), data


def outcome_in(message: bytes) -> tuple[Outcome, bytes]:
    """Read by the server, which does not trust the worker. Raises ValueError."""
    line = message[:MAX_HEAD_BYTES].partition(b"\n")[0]
    document = json.loads(line)
    if not isinstance(document, dict) or document.keys() != {field.name for field in fields(Outcome)}:
        raise ValueError("no outcome")
    outcome = Outcome(**document)
    if not _is_possible(outcome):
        raise ValueError("an impossible outcome")
    return outcome, message[len(line) + 1 :]


def _is_possible(outcome: Outcome) -> bool:
    ranges = ((getattr(outcome, name), least, most) for name, (least, most) in _RANGES.items())
    numbers = all(value is None or (type(value) is int and least <= value <= most) for value, least, most in ranges)
    flags = all(isinstance(flag, bool) for flag in (outcome.was_converted, outcome.had_metadata))
    known = all(getattr(outcome, name) is not None for name in _NEVER_NONE)
    return numbers and flags and (outcome.reason is None or outcome.reason in [*REASONS]) and known
