"""A wallet that others can read, and a budget that is probably a mistake."""

import pytest

from img402_mcp.doctor.finding import fail
from tests.fakes.keys import KEY


async def test_a_wallet_that_does_not_open_or_that_others_can_read_is_reported(levels_and_texts, tmp_path):
    keystore, password = tmp_path / "wallet.json", tmp_path / "password"
    keystore.write_text("[]")
    password.write_text("open sesame")
    files = {"IMG402_WALLET_FILE": str(keystore), "IMG402_WALLET_PASSWORD_FILE": str(password)}
    assert await levels_and_texts("wallet", **files) == [
        (
            "fail",
            f'"{keystore}" is not a keystore: it holds no JSON object. Check the file that IMG402_WALLET_FILE names.',
        ),
        ("warn", f'"{keystore}" may be read or written by others.'),
        ("warn", f'"{password}" may be read or written by others.'),
    ]


async def test_a_key_in_the_environment_that_is_no_key_is_not_blamed_on_a_file(found):
    finding, _ = await found("wallet", IMG402_WALLET_KEY="00" * 32)
    assert finding == fail(
        "The wallet key is not a key of secp256k1. Make one with `img402-mcp wallet new FILE`, or export yours again."
    )


@pytest.mark.parametrize(
    ("most", "daily", "said"),
    [
        pytest.param("0.01", "1", "at most 0.01 USDC a payment and 1 in 24 hours", id="sane"),
        pytest.param("0.50", "0.10", "The daily budget (0.1 USDC) is below the most for one payment.", id="swapped"),
        pytest.param("0.001", "1", "One payment may cost 0.001 USDC, and an upload costs 0.01.", id="too-little"),
        pytest.param("0.01", "10000", "More than 10 USDC may be spent in a day.", id="atomic-units"),
    ],
)
async def test_a_budget_that_is_probably_a_mistake_is_reported(found, most, daily, said):
    budget = {"IMG402_MAX_PAYMENT": most, "IMG402_DAILY_BUDGET": daily}
    (finding,) = await found("budget", IMG402_WALLET_KEY=KEY, **budget)
    assert finding.said == said
    assert await found("budget", **budget) == []
