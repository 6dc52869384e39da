"""One line on a terminal that shows the progress of the images and the current stage. Elsewhere nothing is written."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

import click

from img402_mcp.client.batch import PARTS
from img402_mcp.client.upload import Progress

MAX_BAR_WIDTH = 30
MIN_BAR_WIDTH = 8
_USUAL_WIDTH = 80


class ProgressBar:
    """click's bar, with the stages of the images. `close` erases it."""

    def __init__(self, stream: TextIO) -> None:
        hidden = not stream.isatty() or os.environ.get("TERM") == "dumb"
        self._bar = click.progressbar(length=PARTS, file=stream, hidden=hidden)
        self._stages: dict[str, str] = {}

    async def show(self, done: int, total: int) -> None:
        """The finished parts, of all images together."""
        self._bar.pos, self._bar.length = done, total
        self._draw()

    @contextmanager
    def image(self, path: str) -> Iterator[Callable[[str], None]]:
        """One image in progress; yields a function that sets its stage."""
        try:
            self._enter(path, "preparing")
            yield partial(self._enter, path)
        finally:
            self._stages.pop(path, None)

    def sending(self, path: str, progress: Progress | None) -> Progress:
        """The same progress, and it also shows the stage."""

        async def sent(count: int, total: int) -> None:
            self._enter(path, "sending" if count < total else "waiting for the answer")
            if progress:
                await progress(count, total)

        return sent

    def _enter(self, path: str, stage: str) -> None:
        self._stages[path] = stage
        self._draw()

    def close(self) -> None:
        if drawn := self._bar.max_width:
            cursor = "" if os.name == "nt" else "\x1b[?25h"
            self._bar.file.write(f"\r{' ' * drawn}\r{cursor}")
            self._bar.file.flush()

    def _draw(self) -> None:
        bar, width = self._bar, self._terminal_width()
        images = (bar.length or PARTS) // PARTS
        text = words(bar.pct, images, Counter(self._stages.values()))
        room = width - len(text) - 4
        bar.label, bar.width = text[: width - 1], min(MAX_BAR_WIDTH, room)
        bar.bar_template = "[%(bar)s] %(label)s" if room >= MIN_BAR_WIDTH else "%(label)s"
        bar.max_width = min(bar.max_width, width - 1) if bar.max_width else None
        bar.render_progress()
        if bar.max_width:
            bar.file.write("\r")  # log output in between begins on a new line
            bar.file.flush()

    def _terminal_width(self) -> int:
        try:
            return os.get_terminal_size(self._bar.file.fileno()).columns or _USUAL_WIDTH
        except OSError:
            return _USUAL_WIDTH


def words(share: float, images: int, stages: Counter[str]) -> str:
    """`62 % of 4 images, 1 fitting, 2 sending`; of a single image `62 %, sending`."""
    whole = f"{int(100 * share)} %" if images == 1 else f"{int(100 * share)} % of {images} images"
    return ", ".join((whole, *(stage if images == 1 else f"{count} {stage}" for stage, count in stages.items())))
