"""Reads any 402 answer: a v2 header, a v1 body, or mixtures of the two. An offer that we cannot pay is skipped with
its reason and does not hide the others. Nonsense ends here: after this module an offer is a network of our own table,
a positive integer and an address.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from img402_mcp.client.http import Response
from img402_mcp.errors import quoted
from img402_mcp.wire import x402 as wire
from img402_mcp.wire.evm import address_flaw

# More than any server offers; a hostile list is cut here.
MAX_OFFERS = 32
# img402's own example leaves it out, and 300 is what the SDKs of other servers put there.
DEFAULT_TIMEOUT = 300

# A proof repeats the offer; no real offer is nested deeper than this.
DEEPEST = 32
_ATOMIC: TypeAdapter[int] = TypeAdapter(wire.Atomic)


@dataclass(frozen=True)
class PaymentRequirements:
    version: int
    """The x402Version that the proof answers in."""
    network: wire.Network
    amount: int
    pay_to: str
    timeout_seconds: int
    raw: Mapping[str, Any] = field(repr=False)
    """As received: a v2 proof repeats it completely."""


@dataclass(frozen=True)
class PaymentRequired:
    version: int
    offers: tuple[PaymentRequirements, ...]
    resource: dict[str, Any] | None = field(default=None, repr=False)
    extensions: dict[str, Any] | None = field(default=None, repr=False)
    error: str = ""
    """The server's own words, unescaped: data to be quoted."""
    skipped: tuple[str, ...] = ()
    """Why the other offers cannot be paid."""


class _Unusable(ValueError):
    """`str()` is the reason."""


def read(answer: Response) -> PaymentRequired:
    """The v2 header if one of its offers can be paid, else the body. Never raises; there may be no offers."""
    challenges = [_payment_required(*document) for document in _documents(answer)]
    payable = next((payment_required for payment_required in challenges if payment_required.offers), None)
    skipped = tuple(reason for payment_required in challenges for reason in payment_required.skipped)
    chosen = payable or (challenges or [PaymentRequired(1, (), skipped=("it names no payment",))])[0]
    return replace(chosen, skipped=skipped or chosen.skipped)


def _documents(answer: Response) -> Iterator[tuple[dict[str, Any], int | None]]:
    """Each document of the answer, with the version that its place implies."""
    with suppress(ValueError):
        yield wire.decoded(header(answer, wire.PAYMENT_REQUIRED_HEADER)), 2
    with suppress(ValueError, RecursionError):
        in_body = json.loads(answer.body, parse_constant=_no_number)
        if isinstance(in_body, dict):
            yield in_body, None


def header(answer: Response, name: str) -> str:
    return next((value for key, value in answer.headers.items() if key.lower() == name.lower()), "")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _payment_required(document: dict[str, Any], version: int | None) -> PaymentRequired:
    offers: list[PaymentRequirements] = []
    skipped: list[str] = []
    declared = version or document.get("x402Version")
    accepts = document.get("accepts")
    listed = [accepts] if isinstance(accepts, dict) else accepts if isinstance(accepts, list) else []
    if len(listed) > MAX_OFFERS:
        skipped.append(f"it offers {len(listed)} ways to pay, and only the first {MAX_OFFERS} are read")
    for raw in listed[:MAX_OFFERS]:
        try:
            offers.append(_offer(raw, declared))
        except _Unusable as reason:
            skipped.append(str(reason))
    return PaymentRequired(
        version=offers[0].version if offers else version or 1,
        offers=tuple(offers),
        resource=_shallow(document.get("resource")),
        extensions=_shallow(document.get("extensions")),
        error=_error_text(document.get("error")),
        skipped=tuple(skipped) if listed else ("it offers no way to pay",),
    )


def _shallow(value: object) -> dict[str, Any] | None:
    """Leaves out values that are nested deeper than any real offer."""
    return value if isinstance(value, dict) and _depth_fits(value) else None


def _depth_fits(value: object) -> bool:
    """Level by level: a document that is too deep for Python's own stack costs one pass."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return True
    return False


def _inner(value: object) -> list[Any]:
    return [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []


def _error_text(error: object) -> str:
    """`"..."`, or io42's `{"code", "message"}`."""
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def _offer(raw: object, declared: object) -> PaymentRequirements:
    if not isinstance(raw, dict):
        raise _Unusable("an offer is not an object")
    if not _depth_fits(raw):
        raise _Unusable("an offer is nested too deep")
    if raw.get("scheme") != "exact":
        raise _Unusable(f"scheme {_shown(raw.get('scheme'))} is not exact")
    network = _network(raw)
    return PaymentRequirements(
        version=_version(declared, raw),
        network=network,
        amount=_amount(raw),
        pay_to=_payee(raw, network),
        timeout_seconds=_timeout(raw),
        raw=raw,
    )


def _version(declared: object, raw: dict[str, Any]) -> int:
    """The document's version; without one, the network's spelling shows it."""
    if declared is None:
        return 2 if ":" in str(raw["network"]) else 1
    version = _whole(declared)
    if version not in wire.PAYMENT_HEADERS:
        raise _Unusable(f"x402Version {_shown(declared)} is neither 1 nor 2")
    return version


def _network(raw: dict[str, Any]) -> wire.Network:
    name, asset, extra = raw.get("network"), raw.get("asset"), raw.get("extra")
    network = wire.NETWORK_OF.get(name) if isinstance(name, str) else None
    if network is None:
        raise _Unusable(f"network {_shown(name)} is not known")
    if not isinstance(asset, str) or asset.lower() != network.usdc.lower():
        raise _Unusable(f"asset {_shown(asset)} is not USDC on {network.name}")
    if extra is not None and not isinstance(extra, dict):
        raise _Unusable("extra is not an object")
    if (method := (extra or {}).get("assetTransferMethod", "eip3009")) != "eip3009":
        raise _Unusable(f"transfer method {_shown(method)} is not eip3009")
    return network


def _amount(raw: dict[str, Any]) -> int:
    """One of the two field names, or both where they agree."""
    named = [raw[name] for name in ("amount", "maxAmountRequired") if raw.get(name) is not None]
    try:
        amounts = {_ATOMIC.validate_python(value) for value in named}
    except ValidationError:
        raise _Unusable(f"amount {_shown(named[0])} is not a whole number of atomic units") from None
    if len(amounts) != 1:
        raise _Unusable("it names no amount" if not amounts else f"it names two amounts, {_shown(sorted(amounts))}")
    if not (amount := amounts.pop()):
        raise _Unusable("it asks for an amount of 0")
    return amount


def _payee(raw: dict[str, Any], network: wire.Network) -> str:
    pay_to = raw.get("payTo")
    if flaw := address_flaw(pay_to):
        raise _Unusable(f"payTo {_shown(pay_to)} {flaw}")
    if str(pay_to).lower() == network.usdc.lower():
        raise _Unusable(f"payTo {_shown(pay_to)} is the contract of USDC itself, which pays nothing out")
    return str(pay_to)


def _timeout(raw: dict[str, Any]) -> int:
    timeout = raw.get("maxTimeoutSeconds")
    if timeout is None:
        return DEFAULT_TIMEOUT
    if (whole := _whole(timeout)) is None:
        raise _Unusable(f"maxTimeoutSeconds {_shown(timeout)} is not a whole number")
    return whole


def _whole(value: object) -> int | None:
    """`300`, `"300"` and `300.0` mean the same; True, NaN and `"3e2"` mean nothing."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value, re.ASCII):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if type(value) is int else None


def _shown(value: object) -> str:
    if not _depth_fits(value):
        return "(nested too deep)"
    return quoted(value if isinstance(value, str) else repr(value)[:100], 60)
