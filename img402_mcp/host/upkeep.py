"""What a person who runs the host decides about running it."""

from dataclasses import dataclass

MEGABYTE = 1_048_576


@dataclass(frozen=True)
class Upkeep:
    """`metrics`: address and port, None: off. Seconds: `drain` before the socket closes, `stop` for what is in hand.

    `most_bytes` None: no limit.
    """

    delete_urls: bool = True
    metrics: tuple[str, int] | None = None
    most_bytes: int | None = None
    # Room for the database's log and for what arrives at this moment; a system without it is ill anyway.
    floor_bytes: int = 256 * MEGABYTE
    drain: int = 0
    # Docker kills after 10 seconds unless told otherwise, Kubernetes after 30, systemd after 90.
    stop: int = 25
