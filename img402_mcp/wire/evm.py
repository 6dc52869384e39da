"""eth_account, imported at its first use and kept from changing the process around it."""

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
