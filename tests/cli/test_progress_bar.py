"""The bar: what it says at each stage, that it fits, and that nothing of it is left behind."""

import io
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from itertools import pairwise

import pytest

from img402_mcp.cli.progress_bar import ProgressBar, words
from tests.fakes.api import Api
from tests.fakes.posix import PROCESSES
from tests.fakes.serving import on_a_socket

NO_CURSOR = "\r\x1b[?25l"


class Terminal:
    """A real one, `columns` wide."""

    def __init__(self, columns: int) -> None:
        import termios  # noqa: PLC0415 - missing on Windows

        self._ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        self.stream = os.fdopen(theirs, "w", encoding="utf-8")

    def written(self) -> str:
        """All that was written to it, which closes it."""
        self.stream.close()
        written = b""
        with suppress(OSError), os.fdopen(self._ours, "rb", buffering=0) as ours:
            while piece := ours.read(1000):
                written += piece
        return written.decode()


def stages(written: str) -> list[str]:
    """Each once in a row."""
    found = re.findall(r"\d+ %, ([A-Za-z ]+?) *[\r\x1b]", written)
    return [stage for before, stage in pairwise(["", *found]) if stage != before]


def lines(written: str) -> list[str]:
    """What was drawn, one after the other."""
    drawn = re.sub(r"\x1b\[\?25[lh]", "", written).split("\r")
    return [line.rstrip() for line in drawn if line.strip()]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("share", "images", "stages", "expected"),
    [
        pytest.param(0, 1, {"fitting": 1}, "0 %, fitting", id="one-image"),
        pytest.param(1, 1, {"waiting for the answer": 1}, "100 %, waiting for the answer", id="one-image-sent"),
        pytest.param(0.625, 4, {"fitting": 1, "sending": 2}, "62 % of 4 images, 1 fitting, 2 sending", id="many"),
        pytest.param(1, 4, {}, "100 % of 4 images", id="done"),
    ],
)
def test_the_words_name_each_stage(share, images, stages, expected):
    assert words(share, images, Counter(stages)) == expected


@PROCESSES
async def test_fitting_sending_and_waiting_are_told_apart():
    terminal = Terminal(60)
    bar = ProgressBar(terminal.stream)
    with bar.image("a.png") as enter:
        enter("fitting")
        enter("preparing")
        sent = bar.sending("a.png", bar.show)
        await sent(50, 100)
        await sent(100, 100)
    bar.close()
    assert lines(terminal.written()) == [
        "[------------------------------] 0 %, preparing",
        "[------------------------------] 0 %, fitting",
        "[------------------------------] 0 %, preparing",
        "[------------------------------] 0 %, sending",
        "[###############---------------] 50 %, sending",
        "[##############--------------] 50 %, waiting for the answer",
        "[###########################] 100 %, waiting for the answer",
    ]


@PROCESSES
@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param(80, "[###############---------------] 50 % of 4 images", id="wide"),
        pytest.param(28, "[####----] 50 % of 4 images", id="narrow"),
        pytest.param(24, "50 % of 4 images", id="no-room-for-a-bar"),
        pytest.param(6, "50 %", id="no-room-for-the-words"),
    ],
)
async def test_the_bar_keeps_within_the_width(columns, expected):
    terminal = Terminal(columns)
    bar = ProgressBar(terminal.stream)
    await bar.show(200, 400)
    assert lines(terminal.written()) == [expected]
    assert len(expected) < columns


@PROCESSES
async def test_the_bar_is_removed_from_the_terminal_at_the_end():
    terminal = Terminal(30)
    bar = ProgressBar(terminal.stream)
    await bar.show(100, 200)
    await bar.show(100, 200)
    bar.close()
    shown = "[#####-----] 50 % of 2 images"
    assert terminal.written() == f"{NO_CURSOR}{shown}\r\r\r{' ' * len(shown)}\r\x1b[?25h"


@pytest.mark.parametrize("term", ["xterm", "dumb"])
async def test_without_a_terminal_no_bar_is_drawn(term, monkeypatch):
    monkeypatch.setenv("TERM", term)
    stderr = io.StringIO()
    bar = ProgressBar(stderr)
    await bar.show(100, 200)
    bar.close()
    assert stderr.getvalue() == ""


@PROCESSES
async def test_a_dumb_terminal_gets_no_bar(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal(80)
    bar = ProgressBar(terminal.stream)
    await bar.show(100, 200)
    bar.close()
    assert terminal.written() == ""


@PROCESSES
def test_an_upload_shows_what_takes_time(tmp_path, picture_of):
    (tmp_path / "a.png").write_bytes(picture_of(5, 5, padding=300_000))
    with on_a_socket(Api(limit=2000, words="max 1000 bytes").answer) as url:
        terminal = Terminal(80)
        environ = {"HOME": str(tmp_path), "IMG402_API_URL": url, "IMG402_STATE_DIR": str(tmp_path), "TERM": "xterm"}
        command = [sys.executable, "-m", "img402_mcp", "upload", "a.png"]
        subprocess.run(
            command, env=environ, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=terminal.stream, check=True
        )
    assert stages(terminal.written()) == [
        "preparing",
        "sending",
        "waiting for the answer",
        "fitting",
        "preparing",
        "waiting for the answer",
        "checking the URL",
    ]
