"""How many pixels a GIF's code decodes to, without writing them: only the lengths of what the codes repeat."""

_LARGEST_TABLE = 4096
_WIDEST_START = 11


def coded_pixels(coded: bytes, least: int, wanted: int) -> int:
    """At most a few more than `wanted`; fewer where the code ends, or breaks."""
    if not 0 < least <= _WIDEST_START:
        return 0
    clear = 1 << least
    start = [1] * clear + [0, 0]
    lengths = [*start]
    width = least + 1
    total = held = bits = previous = 0
    for byte in coded:
        held |= byte << bits
        bits += 8
        while bits >= width:
            code, held, bits = held & ((1 << width) - 1), held >> width, bits - width
            if code == clear:
                lengths, width, previous = [*start], least + 1, 0
                continue
            if previous and len(lengths) < _LARGEST_TABLE:
                lengths.append(previous + 1)
                width += len(lengths) == 1 << width and width < 12
            if code == clear + 1 or code >= len(lengths) or total >= wanted:
                return total
            previous = lengths[code]
            total += previous
    return total
