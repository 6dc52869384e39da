"""The client's address: the socket's peer, or what our own proxies say."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from img402_mcp.host.settings import Network

Address = IPv4Address | IPv6Address


def client_address(scope: Scope, trusted: Sequence[Network]) -> Address | None:
    """The nearest address that is not a trusted proxy; None for a peer without one (a Unix socket).

    X-Forwarded-For is read from the right, and each entry counts only because a trusted proxy wrote it, so that
    an entry that the client wrote itself is never reached.
    """
    address = _peer(scope)
    if not trusted:
        return address
    for entry in reversed(",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")):
        if not _is_within(address, trusted):
            break
        forwarded = _parsed(entry.strip())
        if forwarded is None:
            break
        address = forwarded
    return address


def is_trusted(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether the socket's peer is one of our proxies."""
    return bool(trusted) and _is_within(_peer(scope), trusted)


def _is_within(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)


def _peer(scope: Scope) -> Address | None:
    return _parsed(scope["client"][0]) if scope.get("client") else None


@lru_cache(maxsize=1024)
def shared_by(address: Address | None) -> str:
    """Who shares a cap: one IPv4 address, or the /64 that a single IPv6 customer has."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address or "unknown")


@lru_cache(maxsize=1024)  # for the log and the caps, at each request of a client that sends many
def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # Without the zone of `fe80::1%eth0`: which card it came by, free text that a client may have written.
    return (address.ipv4_mapped or IPv6Address(int(address))) if isinstance(address, IPv6Address) else address
