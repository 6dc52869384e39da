"""One of several processes that write to one history: `remembering.py STATE_DIR COUNT PREFIX`.

Prints "ready", waits for a line, opens the history, and adds COUNT uploads.
"""

import os
import sys
from pathlib import Path

from img402_mcp.client.history import History, HistoryEntry


def main(state_dir: str, count: str, prefix: str) -> None:
    os.write(1, b"ready\n")
    sys.stdin.readline()
    history = History.open(Path(state_dir))
    for number in range(int(count)):
        entry = HistoryEntry(
            at=1_790_000_000.0,
            path=f"/shots/{prefix}{number}.png",
            source="",
            sent="",
            url=f"https://i.example/{prefix}{number}.png",
            id=f"{prefix}{number}",
            api="https://api.example",
            terms="free",
            preparation="",
            content_type="image/png",
            size_bytes=1,
            width=1,
            height=1,
            expires_at=None,
            expiry_known=True,
            price=0,
            done="",
        )
        history.remember(entry)
    history.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
