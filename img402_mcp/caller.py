"""Who reads a message: a model that called a tool, which knows arguments and tools, or a person who ran a command, who
knows flags and commands. Wherever a message names one of these, it is `worded` for both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_IS_A_PERSON: ContextVar[bool] = ContextVar("is_a_person", default=False)


@contextmanager
def a_person() -> Iterator[None]:
    """What is said within is said to a person, also by the tasks and threads that begin there."""
    before = _IS_A_PERSON.set(True)
    try:
        yield
    finally:
        _IS_A_PERSON.reset(before)


def worded(*, tool: str, command: str) -> str:
    """Call it when the message is written, not when a module is imported: only then is the reader known."""
    return command if _IS_A_PERSON.get() else tool
