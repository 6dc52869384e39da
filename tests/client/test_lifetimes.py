"""How long an image lives, and what would make it last: what is stated, what is documented, and what is said of it."""

import json
from datetime import UTC, datetime

import pytest

from img402_mcp.client.api_limits import Lifetimes, Tier, bought, life_note, lifetimes, size_in_words
from img402_mcp.wire.img402 import Limits
from tests.fakes.september import STATED

EXPIRY = datetime(2026, 12, 28, 10, tzinfo=UTC)
SEPTEMBER = Limits.model_validate_json(json.dumps(STATED))
WEEK = {"formats": ["image/png"], "free": {"maxBytes": 1_048_576, "days": 7}}
PAID_YEAR = {"maxBytes": 5_000_000, "days": 365, "price": "0.01", "network": "base", "tokenMinutes": 10}


def stated(**changes: object) -> Lifetimes:
    return lifetimes(Limits.model_validate_json(json.dumps(WEEK | changes)))


@pytest.mark.parametrize(
    ("lives", "size", "goal"),
    [
        pytest.param(lifetimes(None), 1_000_000, None, id="documented-small"),
        pytest.param(lifetimes(None), 1_000_001, 1_000_000, id="documented-large"),
        pytest.param(lifetimes(None), 90_000_000, 1_000_000, id="documented-too-large"),
        pytest.param(lifetimes(None), None, 1_000_000, id="documented-still-to-be-converted"),
        pytest.param(lifetimes(SEPTEMBER), 5_000_000, 1_000_000, id="stated-large"),
        pytest.param(stated(), 5_000_000, 1_048_576, id="one-tier-and-too-large"),
        pytest.param(stated(), 1000, None, id="one-tier"),
        pytest.param(stated(), None, None, id="one-tier-still-to-be-converted"),
        pytest.param(Lifetimes((Tier(10, 7), Tier(20, 30))), 15, None, id="the-larger-live-longer"),
        pytest.param(Lifetimes((Tier(10, 30), Tier(20, 7), Tier(30, 30))), 15, 30, id="by-a-gap"),
    ],
)
def test_the_goal_is_the_size_that_lives_longer(lives: Lifetimes, size: int | None, goal: int | None):
    assert lives.goal(size) == goal


@pytest.mark.parametrize(
    ("lives", "size", "was_kept", "note"),
    [
        pytest.param(
            lifetimes(None),
            3_500_000,
            False,
            "Expires 2026-12-28. Images up to 1 MB are kept for good here: call again with keep=true.",
            id="another-size-lasts",
        ),
        pytest.param(
            lifetimes(None),
            900_000,
            True,
            "Expires 2026-12-28. By the terms documented in 2026-09, images up to 1 MB are kept for good, but the API "
            "says otherwise.",
            id="kept-and-expires-all-the-same",
        ),
        pytest.param(lifetimes(None), 900_000, False, "Expires 2026-12-28.", id="small-on-other-terms"),
        pytest.param(stated(), 1000, False, "Expires 2026-12-28.", id="nothing-lasts-longer"),
        pytest.param(
            stated(paid=PAID_YEAR),
            1000,
            False,
            "Expires 2026-12-28. A paid upload is kept for 365 days, for 0.01 USDC.",
            id="a-paid-one-lasts",
        ),
    ],
)
def test_the_note_says_when_it_expires_and_what_would_last(lives: Lifetimes, size: int, was_kept: bool, note: str):  # noqa: FBT001
    assert life_note(EXPIRY, size, lives, was_kept=was_kept) == note


def test_what_never_expires_needs_no_note():
    assert life_note(None, 5_000_000, lifetimes(None), was_kept=False) == ""


@pytest.mark.parametrize(
    ("lives", "sentence"),
    [
        pytest.param(
            lifetimes(SEPTEMBER),
            "A token buys one upload of up to 10 MB for good. Free uploads (stated): up to 1 MB for good, up to 10 MB "
            "for 30 days; so it buys something only for images over 1 MB.",
            id="september",
        ),
        pytest.param(
            stated(paid=PAID_YEAR),
            "A token buys one upload of up to 5 MB for 365 days. Free uploads (stated): up to 1 MiB for 7 days.",
            id="seed",
        ),
        pytest.param(
            lifetimes(None),
            "A token buys one upload of a larger or longer-lived image. Free uploads (documented in 2026-09): up to "
            "1 MB for good, up to 10 MB for 30 days.",
            id="documented",
        ),
    ],
)
def test_what_a_token_buys_is_said_against_what_is_free(lives: Lifetimes, sentence: str):
    assert bought(lives) == sentence


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1_000_000, "1 MB"),
        (10 * 1024 * 1024, "10 MiB"),
        (1_048_576, "1 MiB"),
        (250_000, "250 kB"),
        (1217, "1,217 bytes"),
    ],
)
def test_sizes_are_exact(count: int, words: str):
    assert size_in_words(count) == words
