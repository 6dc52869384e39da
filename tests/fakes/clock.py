"""Time that passes only where a test says so."""

from dataclasses import dataclass, field

START = 1_790_000_000  # 2026-09-21T14:13:20Z


@dataclass
class Clock:
    """A clock whose pauses end at once."""

    seconds: float = START
    waits: list[float] = field(default_factory=list[float])

    def now(self) -> float:
        return self.seconds

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


async def no_pause(seconds: float) -> None: ...
