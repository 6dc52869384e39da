"""A small body needs no disk until it is kept, a large one no memory, and neither leaves anything behind."""

import tracemalloc
from pathlib import Path

import pytest

from img402_mcp.host.storage.spool import SMALL, TOGETHER, Body, arriving


@pytest.mark.parametrize(
    ("pieces", "files"),
    [
        pytest.param([b"a" * SMALL], 0, id="small"),
        pytest.param([b"a" * SMALL, b"b"], 1, id="large"),
        pytest.param([b"a" * (SMALL + 1)], 1, id="large-at-once"),
    ],
)
def test_a_body_is_whole_in_memory_and_on_disk(tmp_path: Path, pieces: list[bytes], files: int):
    with arriving(tmp_path) as body:
        for piece in pieces:
            body.write(piece)
        assert len([*tmp_path.iterdir()]) == files
        with body.view() as data:
            assert bytes(data) == b"".join(pieces)
        assert body.path.read_bytes() == b"".join(pieces)
    assert [*tmp_path.iterdir()] == []


def test_all_bodies_together_have_a_memory_limit_and_give_memory_back(tmp_path: Path):
    for _ in range(2):
        bodies = [Body(tmp_path) for _ in range(TOGETHER // SMALL + 1)]
        for body in bodies:
            body.write(bytes(SMALL))
        assert len([*tmp_path.iterdir()]) == 1
        for body in bodies:
            body.discard()
    assert [*tmp_path.iterdir()] == []


def test_a_body_that_trickles_takes_no_more_memory_than_its_bytes(tmp_path: Path):
    pieces, size = 50_000, 2
    with arriving(tmp_path) as body:
        tracemalloc.start()
        for number in range(pieces):
            body.write(number.to_bytes(size, "big"))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        with body.view() as data:
            assert len(data) == pieces * size
    assert held < 2 * pieces * size
