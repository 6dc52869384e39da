"""Numbers of bytes for people: on the page, in refusals, in product descriptions."""

_UNITS = (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10))


def short_size(count: int) -> str:
    """1048576 -> `1 MB`. So is 1000000, as an operator may have said it."""
    if count >= 1_000_000 and count % 1_000_000 == 0:
        return f"{count // 1_000_000} MB"
    for unit, scale in _UNITS:
        if count >= scale:
            return f"{count / scale:.4g} {unit}"
    return "1 byte" if count == 1 else f"{count} bytes"


def exact_size(count: int) -> str:
    """1048576 -> `1048576 bytes (1 MB)`: exact for programs, short for people."""
    return f"{count} bytes ({short_size(count)})" if count >= 1024 else short_size(count)
