import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from queue import Queue

import pytest

NURSERY = Path(__file__).parent / "nursery.py"


class Life:
    """One process of a host."""

    def __init__(self, wait_or_start: Callable[..., int], pid: int, url: str) -> None:
        self._wait_or_start, self.pid, self.url, self.over = wait_or_start, pid, url, False

    def end(self, number: int = signal.SIGKILL) -> int:
        """Its exit code."""
        if not self.over:
            os.kill(self.pid, number)
        self.over = True
        return self._wait_or_start(wait=self.pid)


Living = Callable[..., Life]


def listen(lines: Iterable[str], urls: "Queue[str]") -> None:
    """To the end, so that a host that says much is never stopped by a full pipe."""
    for line in lines:
        if found := re.search(r"API is at (http://127\S+:\d+)", line):
            urls.put(found[1])


@pytest.fixture(scope="session")
def living(reading: Callable[..., AbstractContextManager[None]]) -> Iterator[Living]:
    """`living(data, NAME="value")`: a host over that folder."""
    lives: list[Life] = []
    urls: Queue[str] = Queue()
    command, pipe = [sys.executable, str(NURSERY)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as nursery:
        assert nursery.stdout.readline() == "ready\n"

        def wait_or_start(**order: object) -> int:
            nursery.stdin.write(json.dumps(order) + "\n")
            nursery.stdin.flush()
            return int(nursery.stdout.readline())

        def born(data: Path, **environ: str) -> Life:
            lives.append(Life(wait_or_start, wait_or_start(data=str(data), environ=environ), urls.get(timeout=30)))
            return lives[-1]

        with reading(nursery.stderr, partial(listen, urls=urls)):
            yield born
            for life in lives:
                if not life.over:
                    life.end()
            nursery.stdin.close()
