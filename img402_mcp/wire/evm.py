"""Ethereum addresses, and eth_account, imported at its first use and kept from changing the process around it."""

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eth_account import Account


def account() -> "Account":
    """Takes half a second the first time."""
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
