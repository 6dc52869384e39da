import time

from img402_mcp.formats import JPEG
from img402_mcp.host.storage.dimensions import DimensionsReader


def test_bytes_that_trickle_cost_no_more_than_they_are():
    """Fifty thousand segments of no bytes: walked again with each piece, they would take many seconds."""
    early, start = DimensionsReader(JPEG), time.process_time()
    early.feed(b"\xff\xd8" + b"\xff\xe0\x00\x02" * 50_000)
    assert [early.feed(b"\xff") for _ in range(2000)] == [None] * 2000
    assert time.process_time() - start < 2
    assert early.feed(b"\xc0\x00\x11\x08\x00\xc8\x01\x2c") == (300, 200)
