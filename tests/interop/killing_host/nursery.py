"""Starts hosts as quickly as they can be killed: everything is imported once, each host is a fork.

Reads lines of JSON, `{"data": ..., "environ": {...}}` or `{"wait": pid}`; answers with a pid or an exit code.
"""

import json
import os
import sys
from functools import partial
from types import SimpleNamespace as Flags
from typing import Any

from img402_mcp.cli import host
from img402_mcp.host.http import connection  # noqa: F401 - so that no fork needs to


def live(order: dict[str, Any]) -> int:
    os.environ |= order["environ"]
    flags = Flags(host="127.0.0.1", port=0, data=order["data"], public_url=None)
    os._exit(host.run(flags))


def born(order: dict[str, Any]) -> int:
    return os.fork() or live(order)


def main() -> None:
    say = partial(print, flush=True)
    say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        say(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]) if "wait" in order else born(order))


if __name__ == "__main__":
    main()
