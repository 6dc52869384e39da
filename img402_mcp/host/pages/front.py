"""GET / and the page's assets. The settings do not change while the host runs, so everything is built once."""

import json
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.formats import FORMATS
from img402_mcp.host.payments.products import money
from img402_mcp.host.settings import HostSettings, PaidSettings
from img402_mcp.host.sizes import short_size
from img402_mcp.wire.img402 import FIELD, FREE, OPENAPI, TOKEN, WELL_KNOWN, FreeTerms

_FOLDER = files("img402_mcp.host.pages")
_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "html": "text/html"}
_PROGRAM = "/absolute/path/to/img402-mcp/.venv/bin/img402-mcp"
_PICTURES = "/absolute/path/to/your/screenshots"
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_CLOSED = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
# A file with its hash in its name never changes.
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Part:
    """One of the page's files, as it is sent."""

    name: str
    body: bytes

    @property
    def digest(self) -> str:
        return sha256(self.body).hexdigest()[:16]

    @property
    def link(self) -> str:
        """Relative, so that the page works at any address."""
        stem, _, extension = self.name.partition(".")
        return f"assets/{stem}-{self.digest}.{extension}"


def routes(settings: HostSettings) -> list[Route]:
    assets = {name: Part(name, _FOLDER.joinpath(name).read_bytes()) for name in ("page.css", "page.js", "icon.svg")}
    html = _page(settings, {name.replace(".", "_"): part.link for name, part in assets.items()})
    page = Part("page.html", html.encode())
    policy = {"Content-Security-Policy": content_security_policy(settings.image_url)}
    return [
        Route("/", _answering(page, {"Cache-Control": "no-cache", **policy}), methods=["GET"]),
        *(
            Route(f"/{part.link}", _answering(part, {"Cache-Control": _FOR_EVER, **_CLOSED}), methods=["GET"])
            for part in assets.values()
        ),
    ]


def content_security_policy(image_url: str) -> str:
    """Images come from the public URL too, which may differ from the page's address."""
    scheme, netloc, *_ = urlsplit(image_url)
    images = f"{scheme}://{quote(netloc, safe=':[]')}"  # a comma or semicolon would end the rule
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: {images}; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _answering(part: Part, headers: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
    etag, media_type = f'"{part.digest}"', _MEDIA_TYPES[part.name.partition(".")[2]]
    headers = {"Content-Type": f"{media_type}; charset=utf-8", "ETag": etag, **_SAFE, **headers}

    async def answer(request: Request) -> Response:
        if etag in request.headers.get("if-none-match", ""):
            return Response(None, 304, headers)
        return Response(part.body, 200, headers)

    return answer


def _page(settings: HostSettings, links: dict[str, str]) -> str:
    free, url = settings.free, settings.public_url
    return _filled(
        "page.html",
        {
            "host": urlsplit(url).netloc,
            "action": FREE.removeprefix("/"),
            "field": FIELD,
            "max_bytes": str(free.max_bytes),
            "media_types": ",".join(form.media_type for form in FORMATS),
            "formats": _listed([form.name for form in FORMATS]),
            "size": short_size(free.max_bytes),
            "kept": _lives(free),
            "daily": _daily(free),
            "curl": curl_line(url),
            "mcp": mcp_configuration(url),
            "openapi": OPENAPI.removeprefix("/"),
            **links,
        },
        play=_filled("play.html", {}) if settings.paid and settings.paid.facilitator == "play" else "",
        paid=_paid(settings.paid, url) if settings.paid else "",
    )


def _paid(paid: PaidSettings, url: str) -> str:
    words = {
        "price": money(paid),
        "size": short_size(paid.terms.max_bytes),
        "kept": _duration(paid.terms.days),
        "command": f"img402-mcp price {shlex.quote(url + TOKEN)}",
        "well_known": WELL_KNOWN.removeprefix("/"),
    }
    return _filled("paid.html", words)


def _filled(name: str, words: dict[str, str], **markup: str) -> str:
    """Words are escaped, markup is not."""
    template = Template(_FOLDER.joinpath(name).read_text(encoding="utf-8"))
    return template.substitute({key: escape(word) for key, word in words.items()}, **markup)


def curl_line(public_url: str) -> str:
    return f"curl -F {FIELD}=@screenshot.png {shlex.quote(public_url + FREE)}"


def mcp_configuration(public_url: str) -> str:
    """mcp.json.example, with this host in it."""
    server = {
        "command": _PROGRAM,
        "args": [],
        "env": {"IMG402_API_URL": public_url, "IMG402_ALLOW_DIRS": _PICTURES},
    }
    return json.dumps({"mcpServers": {"img402": server}}, indent=2)


def _listed(names: Sequence[str]) -> str:
    """`PNG, JPEG and WebP`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _duration(days: int | None) -> str:
    if days is None:
        return "for good"
    return "for 1 day" if days == 1 else f"for {days:,} days"


def _lives(terms: FreeTerms) -> str:
    """`for 7 days`, or `for good up to 1 MB, for 30 days up to 10 MB`."""
    each = [f"{_duration(tier.days)} up to {short_size(tier.max_bytes)}" for tier in terms.tiers]
    return ", ".join(each) or _duration(terms.days)


def _daily(terms: FreeTerms) -> str:
    caps = ((terms.uploads_a_day_per_address, "from one address"), (terms.uploads_a_day, "in all"))
    return ", ".join(f"{cap:,} {whose}" for cap, whose in caps if cap is not None) or "no limit"
