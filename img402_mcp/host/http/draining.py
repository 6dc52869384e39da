"""uvicorn's server that first says that it is about to stop, so that anyone who sends it requests looks elsewhere."""

import signal
from collections.abc import Callable
from threading import Timer
from types import FrameType

from uvicorn import Config, Server


class DrainingServer(Server):
    """After SIGTERM it serves on for `seconds`; a second signal, or Ctrl-C, ends the wait."""

    def __init__(self, config: Config, begin: Callable[[], None], seconds: float) -> None:
        super().__init__(config)
        self._begin, self._seconds = begin, seconds
        self._timer: Timer | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._begin()
        if sig == signal.SIGTERM and self._seconds and self._timer is None:
            self._timer = Timer(self._seconds, super().handle_exit, (sig, frame))
            self._timer.daemon = True
            self._timer.start()
        else:
            super().handle_exit(sig, frame)
