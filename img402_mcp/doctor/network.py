"""The network. The API is asked with GET alone; no key, token or proof is sent."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from img402_mcp.client.apis.img402 import Img402
from img402_mcp.client.http import Request, Response, Send
from img402_mcp.client.payments.chain import Node
from img402_mcp.client.settings.model import ApiSettings
from img402_mcp.client.settings.variables import HOSTED_API
from img402_mcp.doctor.finding import Check, CheckContext, Finding, Findings, fail, ok, unset, warn
from img402_mcp.errors import BadAnswer, NotReached, UploadFailed, quoted
from img402_mcp.wire.img402 import FREE, OPENAPI, Limits
from img402_mcp.wire.moments import http_date
from img402_mcp.wire.x402 import NETWORKS

MAX_SKEW = 60
"""Seconds. A payment is good for a few minutes around the moment at which it was signed."""
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_WAY_OUT = "IMG402_API_URL must name an img402 API, such as " + HOSTED_API + "."


async def api(context: CheckContext) -> Findings:
    if "IMG402_API_URL" in context.broken:
        return []
    url, seen = context.settings.api_url, list[Response]()
    try:
        limits = await Img402(url).limits(_noting(context.send, seen))
    except UploadFailed as error:
        return [fail(str(error))] if not seen else [await _without_limits(context, seen[0].status)]
    if limits:
        return [ok(f"{url} answers: {_in_words(limits)}")]
    if _has_route(seen[0].body):
        return [ok(f"{url} answers; it does not state its limits")]
    return [await _without_limits(context, seen[0].status)]


def _noting(send: Send, seen: list[Response]) -> Send:
    async def noting(request: Request) -> Response:
        seen.append(await send(request))
        return seen[-1]

    return noting


async def _without_limits(context: CheckContext, status: int) -> Finding:
    """The hosted API need not publish a description, so a route of it is asked for."""
    url = context.settings.api_url
    try:
        status = (await context.send(Request("GET", url + FREE))).status
    except UploadFailed as error:
        return fail(str(error))
    if 300 <= status < 400:
        return fail(f"{url} answers with a redirect (status {status}), which is not followed.", _WAY_OUT)
    if status >= 500:
        return fail(f"{url} has a server error (status {status}).", "Try again in a few minutes.")
    if status == 404:
        said = f"{url} answers, but does not seem to be an img402 API (status 404 for {FREE})."
        return (warn if url == HOSTED_API else fail)(said, _WAY_OUT)
    return ok(f"{url} answers; it does not state its limits")


def _has_route(body: bytes) -> bool:
    try:
        return FREE in json.loads(body)["paths"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _in_words(limits: Limits) -> str:
    free, paid = limits.free, limits.paid
    duration = "for good" if free.days is None else f"{free.days} days"
    sold = f"; {paid.price} USDC for up to {paid.max_bytes:,} bytes" if paid else ""
    return f"free up to {free.max_bytes:,} bytes, kept {duration}{sold}"


async def clock(context: CheckContext) -> Findings:
    if "IMG402_API_URL" in context.broken:
        return []
    try:
        answer = await context.send(Request("GET", context.settings.api_url + OPENAPI))
    except UploadFailed:
        return []  # `api` reports it
    ahead = _ahead(answer.headers)
    if ahead is None:
        return [ok("the API sends no date to compare with")]
    if abs(ahead) <= MAX_SKEW:
        return [ok(f"within {MAX_SKEW} s of the API's")]
    said = f"This machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the API's."
    level = fail if context.settings.money.wallet else warn
    return [level(f"{said} A payment is only valid for a few minutes.", "Let the system set the time (NTP).")]


def _ahead(headers: Mapping[str, str]) -> float | None:
    """Seconds. A cache says by `Age` how long ago the date was right."""
    date, age = http_date(headers.get("date", "")), headers.get("age", "0")
    if date is None or not re.fullmatch(r"[0-9]{1,9}", age, re.ASCII):
        return None
    return time.time() - date.timestamp() - int(age)


async def proxy(context: CheckContext) -> Findings:
    return [*_proxies(context.environ), *_certificates(context.environ)] or [unset("no proxy is set")]


def _proxies(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in (each for known in PROXIES for each in (known, known.lower())):
        if text := environ.get(name, ""):
            yield _proxy(name, text)


def _proxy(name: str, text: str) -> Finding:
    """Its user and password are not shown."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        usable = bool(parts.scheme in PROXY_SCHEMES and parts.hostname and (parts.port is None or parts.port > 0))
    except ValueError:
        usable = False
    if not usable:
        return fail(
            f"{name} is not the address of a proxy.", f"Set it as in {name}=http://proxy.example:3128, or unset it."
        )
    port = f":{parts.port}" if parts.port else ""
    return ok(f"{name} leads through {quoted(f'{parts.scheme}://{parts.hostname}{port}')}")


def _certificates(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, is_there, wanted in (("SSL_CERT_FILE", Path.is_file, "file"), ("SSL_CERT_DIR", Path.is_dir, "folder")):
        if (text := environ.get(name, "")) and not is_there(Path(text)):
            said = f"{name} names {quoted(text)}, where there is no {wanted}."
            yield fail(said, f"Name the {wanted} with the certificates, or unset it.")


async def node(context: CheckContext) -> Findings:
    """Asks what every node of the chain can answer; the URL may hold a key, so it is not shown."""
    url = context.settings.money.rpc_url
    if not url:
        return [unset("IMG402_RPC_URL is not set")]
    refusals = []
    for name in context.settings.money.networks:
        try:
            await Node(context.send, url).has_used(NETWORKS[name], "0x" + "1" * 40, "0x" + "1" * 64, after=0)
        except NotReached as error:
            return [fail(str(error), "Check the network and IMG402_RPC_URL.")]
        except BadAnswer as error:
            refusals.append(str(error))
        else:
            return [ok(f"the RPC node answers for {name}")]
    return [fail(" ".join(dict.fromkeys(refusals)), "Check that IMG402_RPC_URL is a node of one of IMG402_NETWORKS.")]


def other(api: type[ApiSettings]) -> Check:
    """Whether an API besides img402 answers."""

    async def check(context: CheckContext) -> Findings:
        configured = context.settings.of(api)
        if configured is None:
            return [] if api.secret in context.broken else [unset(f"{api.secret} is not set")]
        return await _answers(context, configured.url)

    return check


async def _answers(context: CheckContext, url: str) -> Findings:
    try:
        answer = await context.send(Request("GET", url))
    except UploadFailed as error:
        return [fail(str(error))]
    if answer.status >= 500:
        return [warn(f"{url} has a server error (status {answer.status}).", "Try again in a few minutes.")]
    return [ok(f"{url} answers")]
