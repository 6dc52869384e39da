"""Routes each address through this environment's proxies: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

A route is opened when the first request needs it, so an unusable proxy setting stops only requests that would use it:
never those to an API on this machine, which no proxy can reach.
"""

import ssl
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from urllib.request import getproxies, proxy_bypass

import httpx2

from img402_mcp.errors import quoted

LIMITS = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)
SCHEMES = ("http", "https", "socks5", "socks5h")


class ProxyUnusable(Exception):
    """`str()` is a clause that names the variable."""


class Routes(httpx2.AsyncBaseTransport):
    """`trusted` is called only for TLS: certificates that cannot be read stop nothing else."""

    def __init__(self, trusted: Callable[[], ssl.SSLContext]) -> None:
        self._trusted = trusted
        self._proxies = getproxies()
        self._open: dict[tuple[str, str], httpx2.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        route = self._proxy_for(request.url), request.url.scheme
        if route not in self._open:
            self._open[route] = self._transport(*route)
        return await self._open[route].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._open.values():
            await transport.aclose()

    def _proxy_for(self, url: httpx2.URL) -> str:
        """`http`, `https` or `all`, as the variable's name begins; empty if no proxy is used."""
        if _is_here(url.host) or proxy_bypass(url.host) or _is_in_networks(url.host, self._proxies.get("no", "")):
            return ""
        return next((name for name in (url.scheme, "all") if self._proxies.get(name)), "")

    def _transport(self, name: str, scheme: str) -> httpx2.AsyncHTTPTransport:
        verify = self._trusted() if scheme == "https" else False  # without TLS there is nothing to verify
        if not name:
            return httpx2.AsyncHTTPTransport(verify=verify, limits=LIMITS)
        try:
            address = _address(self._proxies[name])
            context = self._trusted() if address.startswith("https:") else None
            proxy = httpx2.Proxy(address, ssl_context=context)
            return httpx2.AsyncHTTPTransport(verify=verify, limits=LIMITS, proxy=proxy)
        except (ImportError, ValueError, httpx2.InvalidURL):
            shown = quoted(self._proxies[name].rpartition("@")[2], 80)
            raise ProxyUnusable(
                f"{name.upper()}_PROXY, which ends in {shown}, is not an address of a proxy, such as "
                f"http://proxy.example:3128 (also {', '.join(SCHEMES[1:])})"
            ) from None


def _address(text: str) -> str:
    url = text if "://" in text else f"http://{text}"
    scheme = url.partition("://")[0].lower()
    if scheme in ("socks", "socks5h"):  # the proxy looks names up, as always in this library
        url, scheme = f"socks5://{url.partition('://')[2]}", "socks5"
    parsed = httpx2.URL(url)
    if scheme not in SCHEMES or not parsed.host:
        raise ValueError(scheme)
    return url


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_in_networks(host: str, named: str) -> bool:
    """NO_PROXY may name networks, such as `10.0.0.0/8`; the standard library only knows names and single addresses."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    for entry in filter(lambda text: "/" in text, map(str.strip, named.split(","))):
        try:
            if address in ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False
