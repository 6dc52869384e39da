"""Deleting an image by the URL in its upload's answer.

GET only asks: link previews and crawlers follow every link that they see.
"""

import logging
from functools import partial
from importlib.resources import files
from string import Template

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.host.context import Host
from img402_mcp.host.errors import problem
from img402_mcp.host.serving.response import is_expired
from img402_mcp.host.storage.images import parse_name
from img402_mcp.host.storage.signed_urls import DELETING

_log = logging.getLogger("img402_mcp.host.failures")
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the key is in the URL
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
}
_PAGE = Template(files("img402_mcp.host.apis").joinpath("deletion.html").read_text(encoding="utf-8"))
_QUESTION = """<p>It is gone for good, for everybody. Copies that others have kept are not.
<form method="post"><button>Delete it</button></form>
<p><img src="../{name}" alt="The image in question" width="320">
"""


def routes(host: Host) -> list[Route]:
    route = Route(DELETING + "{name}", partial(_delete, host), methods=["GET", "POST", "DELETE"])
    return [route] if host.settings.upkeep.delete_urls else []


async def _delete(host: Host, request: Request) -> Response:
    name = request.path_params["name"]
    if not host.signed_urls.allows_deletion(name, request.query_params.get("key", "")):
        message = "This is not a delete URL of this host. Use the URL exactly as it was in the upload's answer."
        return problem(403, "access_denied", message, _HEADERS)
    if request.method in {"GET", "HEAD"}:
        image = await to_thread.run_sync(host.images.find, name.partition(".")[0])
        is_gone = image is None or is_expired(image, host.now())
        return _page("It is gone.", "", 404) if is_gone else _page("Delete this image?", _QUESTION.format(name=name))
    await to_thread.run_sync(_delete_image, host, name)
    if request.method == "DELETE":
        return Response(None, 204, _HEADERS)
    return _page("The image is deleted.", "")


def _delete_image(host: Host, name: str) -> None:
    """Blocks. Bytes that cannot be removed now have no row, so the cleanup removes them."""
    parsed = parse_name(name)
    gone = host.images.remove(parsed[0]) if parsed else ()
    try:
        host.blobs.delete(*gone)
    except OSError:
        _log.exception("a deleted image's bytes could not be removed; the cleanup will try again")


def _page(title: str, body: str, status: int = 200) -> Response:
    return Response(_PAGE.substitute(title=title, body=body), status, _HEADERS, "text/html; charset=utf-8")
