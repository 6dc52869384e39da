"""A real terminal, in which commands and shells run."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 30


class Tmux:
    """A session of tmux in which one command runs. It stays open when the command has ended."""

    def __init__(self, sockets: str, home: Path, environ: dict[str, str]) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        plain = {"HOME": str(home), "LANG": "C.UTF-8", "PATH": path, "TERM": "xterm-256color", "TMUX_TMPDIR": sockets}
        self._home, self._environ = home, plain | environ

    def tmux(self, *words: str) -> str:
        command = ["tmux", "-L", "img402", "-f", os.devnull, *words]
        done = subprocess.run(
            command, env=self._environ, cwd=self._home, capture_output=True, text=True, timeout=SECONDS, check=True
        )
        return done.stdout

    def start(self, command: str) -> None:
        self.open(f"{command}; echo exit $?; tmux -L img402 wait-for -S ended; cat")

    def open(self, line: str) -> None:
        self.tmux("new-session", "-d", "-x", "80", "-y", "60", line)

    def send(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def wait(self) -> None:
        """Until the command has ended and all that it said is shown."""
        self.tmux("wait-for", "ended")
        self.wait_for(r"(?m)^exit \d+$")

    def wait_for(self, pattern: str) -> str:
        until = time.monotonic() + SECONDS
        while not re.search(pattern, shown := self.screen()) and time.monotonic() < until:
            pass
        return shown

    def screen(self, *flags: str) -> str:
        shown = self.tmux("capture-pane", "-p", *flags)
        return "\n".join(line.rstrip() for line in shown.splitlines()).strip("\n") + "\n"

    def end(self) -> None:
        subprocess.run(["tmux", "-L", "img402", "kill-server"], env=self._environ, capture_output=True, check=False)


Open = Callable[..., Tmux]


@contextmanager
def terminals(home: Path) -> Iterator[Open]:
    """`open_terminal(NAME="value")`: one with these variables, in a home folder. Its socket needs a short path."""
    with tempfile.TemporaryDirectory() as sockets:
        opened: list[Tmux] = []

        def open_terminal(**environ: str) -> Tmux:
            opened.append(Tmux(sockets, home, {"IMG402_STATE_DIR": str(home / "state")} | environ))
            return opened[-1]

        yield open_terminal
        for each in opened:
            each.end()
