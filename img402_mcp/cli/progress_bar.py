"""One line on a terminal that tells how far it is. Elsewhere nothing is written."""

import os
from typing import TextIO

MAX_BAR_WIDTH = 40
MIN_BAR_WIDTH = 8
_USUAL_WIDTH = 80


class ProgressBar:
    """`close` wipes it out. Of a file `parts` make the whole."""

    def __init__(self, stream: TextIO, parts: int) -> None:
        self._stream, self._parts = stream, parts
        self._shown = ""
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"

    async def show(self, done: int, total: int) -> None:
        if self._live and (text := line(done, total, self._parts, self._width())) != self._shown:
            self._shown = text
            self._write(text)

    def close(self) -> None:
        if self._shown:
            self._write("")

    def _write(self, text: str) -> None:
        """The cursor goes back to the start, so that whatever is logged meanwhile begins a line."""
        self._stream.write(f"\r\x1b[K{text}\r")
        self._stream.flush()

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _USUAL_WIDTH
        except OSError:
            return _USUAL_WIDTH


def line(done: int, total: int, parts: int, width: int) -> str:
    """`[####----] 50 % of 4 images`, in less than `width` cells: a full line would wrap and stay."""
    words = f"{100 * done // total} % of {total // parts} images"
    room = min(MAX_BAR_WIDTH, width - len(words) - 4)
    if room < MIN_BAR_WIDTH:
        return words[: max(width - 1, 0)]
    full = room * done // total
    return f"[{'#' * full}{'-' * (room - full)}] {words}"
