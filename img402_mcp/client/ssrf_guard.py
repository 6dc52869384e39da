"""Sends to a URL that an API names: no API may make us reach into the user's own network. Only https at a public
address is reached. Plain http, private addresses and loopback are reached only if the API that the user configured is
at such an address itself. The name is looked up once, and the connection goes to the address that was checked, past
any proxy, so that no second look-up can lead elsewhere. The URL's query is a secret: errors name only the host, and no
client that logs URLs is used here.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import SOCK_STREAM, gaierror
from urllib.parse import urlsplit

import anyio
import httpx2

from img402_mcp.client.http import (
    Request,
    Response,
    Send,
    bounded,
    errors_as_upload_failures,
    headers,
    pieces,
    timeouts,
)
from img402_mcp.errors import BadAnswer, NotReached, quoted

# A presigned URL has some hundred characters; with a session token it has some two thousand.
MAX_URL_LENGTH = 8192
# RFC 6052: in such a network an IPv6 address means the IPv4 address in its last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")
# RFC 6890, for protocols; a cloud keeps its metadata there. Python versions differ in what they call it.
_PROTOCOLS = IPv4Network("192.0.0.0/24")
# Cloud providers' services for their own machines, at addresses that look public.
_CLOUDS = (IPv4Address("168.63.129.16"), IPv6Address("fd00:ec2::254"))
_URL = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)", re.ASCII)

Address = IPv4Address | IPv6Address


class Nearness(IntEnum):
    """How near to the user an address is."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    NOWHERE = 3
    """Link-local (a cloud's metadata is there), multicast, reserved: no API's storage."""


LookUp = Callable[[str, int], Awaitable[list[Address]]]


async def look_up(host: str, port: int) -> list[Address]:
    """All addresses of a name, in the system's order; there may be none."""
    try:
        found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
    except (gaierror, UnicodeError):
        return []
    return list(dict.fromkeys(ip_address(each[4][0].partition("%")[0]) for each in found))


@dataclass(frozen=True)
class SsrfGuard:
    """For URLs that the API at `api_url` names. `transport` replaces the network; the checks are the same."""

    api_url: str
    transport: httpx2.AsyncBaseTransport | None = None
    look_up: LookUp = look_up

    async def sender(self, url: str) -> Send:
        """For only that URL; nothing is sent yet. Raises BadAnswer if it may not be reached, NotReached."""
        scheme, host = _parts(url)
        if scheme == "http" and urlsplit(self.api_url).scheme != "http":
            raise BadAnswer(f"The API names a URL of plain http, at {quoted(host)}; only https is used.")
        addresses = await self._demand_reachable(host, _port(url))

        async def send(request: Request) -> Response:
            if request.url != url:
                raise ValueError("another URL than the one that was checked")
            for address in addresses[
                :-1
            ]:  # the first that accepts a connection: until then nothing of the body is sent
                with suppress(NotReached):
                    return await _sent(request, host, address, self.transport)
            return await _sent(request, host, addresses[-1], self.transport)

        return send

    async def _demand_reachable(self, host: str, port: int) -> list[Address]:
        """Checks all addresses of the host; one that is too near refuses them all."""
        addresses = await self._addresses(host, port)
        if not addresses:
            raise NotReached(f"{host}, which the API names, could not be resolved to an address.")
        api = urlsplit(self.api_url).hostname or ""
        allowed = min(map(nearness, await self._addresses(api, port)), default=Nearness.PUBLIC)
        nearest = max(map(nearness, addresses))
        if nearest > min(allowed, Nearness.LOOPBACK):
            raise BadAnswer(
                f"The API names a URL at {quoted(host)}, which is {_WORDS[nearest]} address. An API at "
                f"{_WORDS[allowed]} one has no reason to, and nothing was sent there."
            )
        return addresses

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            return [ip_address(host)]
        except ValueError:
            return await self.look_up(host, port)


_WORDS = {
    Nearness.PUBLIC: "a public",
    Nearness.PRIVATE: "a private",
    Nearness.LOOPBACK: "a loopback",
    Nearness.NOWHERE: "a link-local or reserved",
}


def nearness(address: Address) -> Nearness:
    address = _unwrapped(address)
    if address.is_loopback:
        return Nearness.LOOPBACK
    if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
        return Nearness.NOWHERE
    if address in _PROTOCOLS or address in _CLOUDS:
        return Nearness.NOWHERE
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return Nearness.PUBLIC if address.is_global and not site_local else Nearness.PRIVATE


def host_of(url: str) -> str:
    """For a sentence: the host and port alone, since the rest of such a URL is a secret."""
    place = re.sub(r"^[a-zA-Z]+://|[/?#\\\s].*", "", url.strip(), flags=re.DOTALL)
    return quoted(place.rpartition("@")[2], 80)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one contains, by mapping, 6to4 or NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _parts(url: str) -> tuple[str, str]:
    """Scheme and host. Raises BadAnswer."""
    found = _URL.fullmatch(url) if len(url) <= MAX_URL_LENGTH and "\\" not in url and "#" not in url else None
    if found is None or int((found[3] or ":1")[1:]) not in range(1, 65536):
        raise BadAnswer(f"The API names something that is not a usable URL, at {host_of(url)}.")
    host = found[2].strip("[]")
    if found[2].startswith("["):
        try:
            IPv6Address(host)
        except ValueError:
            raise BadAnswer(f"The API names something that is not a usable URL, at {host_of(url)}.") from None
    return found[1], host


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or {"http": 80, "https": 443}[parts.scheme]


async def _sent(request: Request, host: str, address: Address, transport: httpx2.AsyncBaseTransport | None) -> Response:
    where = urlsplit(request.url).netloc
    made = _pinned(replace(request, headers={"Host": where, **request.headers}), host, address)
    with errors_as_upload_failures(request):
        if transport is not None:
            return await _answered(transport, made, where)
        # A new connection: a pool chooses one by address, even if its certificate was checked for another name.
        async with httpx2.AsyncHTTPTransport() as network:
            return await _answered(network, made, where)


def _pinned(request: Request, host: str, address: Address) -> httpx2.Request:
    """The request to the exact address, with the name in Host, in the TLS greeting and in the certificate's check."""
    numbered = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    scheme, rest = request.url.split("://", 1)
    path = rest[rest.index("/") :]
    extensions = {"timeout": timeouts().as_dict(), "sni_hostname": host}
    url = f"{scheme}://{numbered}:{_port(request.url)}{path}"
    return httpx2.Request(request.method, url, headers=headers(request), content=pieces(request), extensions=extensions)


async def _answered(transport: httpx2.AsyncBaseTransport, made: httpx2.Request, where: str) -> Response:
    response = await transport.handle_async_request(made)
    try:
        return Response(response.status_code, response.headers, await bounded(response, where))
    finally:
        await response.aclose()
