"""Ethereum: addresses, what a node is asked and answers (JSON-RPC), and eth_account, imported at its first use."""

import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from img402_mcp.wire.x402 import Authorization, Network

if TYPE_CHECKING:
    from eth_account import Account

# The first four bytes of the Keccak hash of a function's signature.
_AUTHORIZATION_STATE = "0xe94a0102"  # "authorizationState(address,bytes32)", EIP-3009
_BALANCE_OF = "0x70a08231"  # "balanceOf(address)", ERC-20
_TRANSFER = {"from": "address", "to": "address", "value": "uint256"}
_TRANSFER |= {"validAfter": "uint256", "validBefore": "uint256", "nonce": "bytes32"}
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


def rpc_request(method: str, *parameters: object) -> dict[str, object]:
    """The body of a JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}


def authorization_state(network: Network, payer: str, nonce: str) -> dict[str, str]:
    """The parameter of an `eth_call` that answers 1 where that nonce (EIP-3009) is used up, else 0."""
    return {"to": network.usdc, "data": _AUTHORIZATION_STATE + word(payer)[2:] + nonce[2:]}


def balance_of(network: Network, owner: str) -> dict[str, str]:
    """The parameter of an `eth_call` that answers the owner's USDC, in atomic units."""
    return {"to": network.usdc, "data": _BALANCE_OF + word(owner)[2:]}


def number(value: object) -> int:
    """A number as nodes write it, such as 0x10. Raises ValueError."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise ValueError("not a number in hexadecimal notation")
    return int(value, 16)


def word(address: str) -> str:
    """An address in 32 bytes, as in calls and topics."""
    return "0x" + address[2:].lower().rjust(64, "0")


def typed_data(paid: Authorization, network: Network) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What a payer signs (EIP-712): the domain, the types and the message, as eth_account takes them.

    Integers and bytes: eth_account would guess the meaning of text.
    """
    domain = {
        "name": network.domain_name,
        "version": network.domain_version,
        "chainId": network.chain_id,
        "verifyingContract": network.usdc,
    }
    message = {
        "from": paid.payer.lower(),
        "to": paid.to.lower(),
        "value": paid.value,
        "validAfter": paid.valid_after,
        "validBefore": paid.valid_before,
        "nonce": bytes.fromhex(paid.nonce[2:]),
    }
    types = [{"name": name, "type": kind} for name, kind in _TRANSFER.items()]
    return domain, {"TransferWithAuthorization": types}, message


def can_sign() -> bool:
    """Whether eth_account is there; it is not installed where its dependencies have no wheel."""
    return find_spec("eth_account") is not None


def account() -> "Account":
    """Takes half a second the first time. The process around it stays as it is."""
    deepest = sys.getrecursionlimit()
    from eth_account import Account  # noqa: PLC0415  # lazy: only payments need it

    # One of its dependencies allows recursion so deep that nested JSON from outside would overflow the C stack.
    sys.setrecursionlimit(deepest)
    return Account()


def address_flaw(text: object) -> str:
    """Why the text is not an address that anyone should pay, as a clause that goes on from it; empty: it is one.

    EIP-55: the case of the letters is a checksum. Letters of one case have none.
    """
    if not isinstance(text, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", text, re.ASCII):
        return "is not an address: 0x and 40 hexadecimal digits"
    digits = text[2:]
    if not int(digits, 16):
        return "is the zero address, which nobody owns"
    if digits not in (digits.lower(), digits.upper()) and digits != _checksummed(digits):
        return "is mistyped: the case of its letters does not match its checksum (EIP-55)"
    return ""


def _checksummed(digits: str) -> str:
    from eth_hash.auto import keccak  # noqa: PLC0415  # lazy: it comes with eth_account, and only mixed case needs it

    digest = keccak(digits.lower().encode()).hex()
    return "".join(
        letter.upper() if int(nibble, 16) >= 8 else letter
        for letter, nibble in zip(digits.lower(), digest[: len(digits)], strict=True)
    )
