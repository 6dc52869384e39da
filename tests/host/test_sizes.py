import pytest

from img402_mcp.host.sizes import exact_size, short_size


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KB"),
        (1_048_575, "1024 KB"),
        (5 << 20, "5 MB"),
        (1 << 40, "1024 GB"),
    ],
)
def test_sizes_are_rounded_for_people(count: int, words: str):
    assert short_size(count) == words


@pytest.mark.parametrize(
    ("count", "words"), [(10, "10 bytes"), (1217, "1217 bytes (1.188 KB)"), (1_048_576, "1048576 bytes (1 MB)")]
)
def test_sizes_that_programs_may_read_are_exact(count: int, words: str):
    assert exact_size(count) == words
