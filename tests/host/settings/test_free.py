import pytest

from img402_mcp.errors import SettingsError
from img402_mcp.host.settings.free import free_terms
from img402_mcp.wire.img402 import FreeTerms, FreeTier

DAY = 86_400


def terms(text: str) -> FreeTerms:
    return free_terms({"IMG402_HOST_FREE_TIERS": text, "IMG402_HOST_FREE_DAILY": "0"})


@pytest.mark.parametrize(
    ("text", "tiers"),
    [
        pytest.param("1MB:forever,10MB:30d", [(1_000_000, None), (10_000_000, 30)], id="september"),
        pytest.param(" 10 MB : 30 d , 1 mb:FOREVER ", [(1_000_000, None), (10_000_000, 30)], id="any-order-and-case"),
        pytest.param("500:1d", [(500, 1)], id="bytes"),
        pytest.param("2kB:7d,1MiB:3d", [(2000, 7), (1_048_576, 3)], id="binary-too"),
    ],
)
def test_tiers_are_read(text: str, tiers: list[tuple[int, int | None]]):
    largest, days = tiers[-1]
    assert terms(text) == FreeTerms(
        max_bytes=largest,
        days=days,
        tiers=tuple(FreeTier(max_bytes=size, days=life) for size, life in tiers),
        uploads_a_day_per_address=1000,
    )


@pytest.mark.parametrize(
    "text",
    [
        "1MB", "forever", "1MB:", ":30d", "1MB:0d", "0MB:1d", "1MB:30", "1MB:-1d", "1MB:99999d", "9999999GB:1d",
        "1XB:1d",
        "1MB:forever,", "1.5MB:1d", "\uff11MB:1d", "1MB:forever;10MB:30d",
    ],
)  # fmt: skip
def test_what_is_no_tier_is_refused_with_an_example(text: str):
    with pytest.raises(SettingsError, match=r"IMG402_HOST_FREE_TIERS has .* such as 1MB:forever,10MB:30d"):
        terms(text)


def test_a_size_stands_once_and_there_are_few_tiers():
    for text in ("1MB:1d,1000kB:2d", ",".join(f"{size}:1d" for size in range(1, 40))):
        with pytest.raises(SettingsError, match="give each size once, and at most 32"):
            terms(text)


@pytest.mark.parametrize("name", ["IMG402_HOST_FREE_MAX_BYTES", "IMG402_HOST_FREE_DAYS"])
def test_the_same_thing_is_not_said_twice(name: str):
    with pytest.raises(SettingsError, match=f"IMG402_HOST_FREE_TIERS and {name} say the same thing"):
        free_terms({"IMG402_HOST_FREE_TIERS": "1MB:1d", name: "5"})


@pytest.mark.parametrize(
    ("size", "days"), [(1, None), (1_000_000, None), (1_000_001, 30), (10_000_000, 30), (99_000_000, 30)]
)
def test_an_image_lives_as_the_smallest_tier_that_holds_it(size: int, days: int | None):
    assert terms("10MB:30d,1MB:forever").days_for(size) == days
