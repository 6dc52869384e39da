"""Is the image there, as it was sent, at the URL that an API named? The answer never takes the URL's place."""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # not in its stubs

from img402_mcp.client import deadline
from img402_mcp.client.http import Request, Response, Send
from img402_mcp.client.ssrf_guard import SsrfGuard
from img402_mcp.errors import Img402Error

# Up to this size an image is fetched and compared byte for byte; for a larger one only the headers are requested.
SMALL = 65_536
TIMEOUT = 10.0


@dataclass(frozen=True)
class SentImage:
    """The image that should be there: sha256 in hexadecimal."""

    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Verdict:
    """`why` is a clause that continues "it". `refuted`: the answer shows that the image is not there (any more)."""

    verified: bool
    why: str = ""
    refuted: bool = False


@dataclass(frozen=True)
class Verifier:
    """`send` asks the API's own origin; other URLs that it names go through `named`, which reaches public addresses."""

    api_url: str
    send: Send
    named: SsrfGuard
    timeout: float = TIMEOUT
    """The seconds that an upload's answer waits for it."""

    async def verdict(self, url: str, sent: SentImage) -> Verdict | None:
        """One request. None if it would go through a proxy, which cannot be judged here."""
        own = _origin(url) == _origin(self.api_url)
        if not own and _is_behind_a_proxy(url):
            return None
        try:
            with deadline.current().limit(self.timeout):
                send = self.send if own else await self.named.sender(url)
                method = "GET" if sent.size_bytes <= SMALL else "HEAD"
                return _judged(await send(Request(method, url, {"Accept": "image/*"})), sent)
        except TimeoutError:
            return Verdict(False, f"did not answer within {self.timeout:g} seconds")
        except Img402Error as error:
            return Verdict(False, f"could not be asked: {str(error).rstrip('.')}")


def _judged(answer: Response, sent: SentImage) -> Verdict:
    if answer.status in {404, 410}:
        return Verdict(False, f"answers {answer.status}: there is no such image", refuted=True)
    if answer.status != 200:
        return Verdict(False, f"answers with status {answer.status}")
    why = _difference(answer, sent)
    return Verdict(not why, why, refuted=bool(why))


def _difference(answer: Response, sent: SentImage) -> str:
    """Empty if there is no visible difference."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != sent.content_type:
        return f"is of another type than {sent.content_type}"
    if sent.size_bytes <= SMALL:
        return "" if hashlib.sha256(answer.body).hexdigest() == sent.sha256 else "serves other bytes than were sent"
    length = answer.headers.get("content-length", "")
    if length and length != str(sent.size_bytes):
        return f"has another length than the {sent.size_bytes:,} bytes that were sent"
    return ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _is_behind_a_proxy(url: str) -> bool:
    parts, proxies = urlsplit(url), getproxies_environment()
    proxied = bool(proxies.get(parts.scheme) or proxies.get("all"))
    return proxied and not proxy_bypass_environment(parts.netloc)
