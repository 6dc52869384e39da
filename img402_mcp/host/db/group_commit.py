"""Group commit: those who wait for the disk meanwhile share the next commit, so that a busy host syncs less often."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from img402_mcp.host.errors import ApiError

Write = Callable[[Connection], None]
"""Writes rows, inside the transaction; raises ApiError where none may be written. It may be run a second time."""
Transaction = Callable[[], AbstractContextManager[Connection]]


class GroupCommit:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._waiting: deque[_Waiter] = deque()  # appended to by all, taken from by whose turn it is
        self._turn = Lock()

    @property
    def waiting(self) -> int:
        """How many the next commit will serve."""
        return len(self._waiting)

    def commit(self, write: Write) -> None:
        """Blocks. When it returns, what was written is committed; if it raises, it is told why not."""
        waiter = _Waiter(write)
        self._waiting.append(waiter)
        with self._turn:
            if not waiter.done:
                _commit([self._waiting.popleft() for _ in range(len(self._waiting))], self._transaction)
        if waiter.error is not None:
            raise waiter.error


class _Waiter:
    def __init__(self, write: Write) -> None:
        self.write, self.done = write, False
        self.error: BaseException | None = None


def _commit(group: Sequence[_Waiter], transaction: Transaction) -> None:
    """One that is refused must leave no trace and must not cost the others theirs: then each goes by itself."""
    error = _written(group, transaction)
    if isinstance(error, ApiError | IntegrityError) and len(group) > 1:
        for waiter in group:
            _commit([waiter], transaction)
        return
    for waiter in group:
        waiter.done, waiter.error = True, error


def _written(group: Sequence[_Waiter], transaction: Transaction) -> BaseException | None:
    try:
        with transaction() as connection:
            for waiter in group:
                waiter.write(connection)
    except BaseException as error:  # noqa: BLE001  # raised again in the thread of each who waits
        return error
    return None
