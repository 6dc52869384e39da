"""The person at the terminal: whether there is one, and what they answer."""

import sys


def is_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def asked(question: str) -> str:
    """stdout is left to the output."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
