import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STOPPING = 30  # seconds


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def ended(server: subprocess.Popen[Any]) -> Iterator[None]:
    """By its process id, in the end by force."""
    try:
        yield
    finally:
        server.terminate()
        try:
            server.wait(STOPPING)
        except subprocess.TimeoutExpired:
            server.kill()
