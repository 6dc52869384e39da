"""Addresses that nobody should pay."""

import pytest

from img402_mcp.wire.evm import address_flaw

GOOD = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        pytest.param(GOOD, "", id="checksum"),
        pytest.param(GOOD.lower(), "", id="lower-case"),
        pytest.param("0x" + GOOD[2:].upper(), "", id="upper-case"),
        pytest.param("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "", id="usdc"),
        pytest.param("0x209693bc6afc0C5328bA36FaF03C514EF312287C", "mistyped", id="one-letter's-case"),
        pytest.param("0x209693Bc6afc0C5328bA36FaF03C514EF312287D", "mistyped", id="one-digit"),
        pytest.param(GOOD.swapcase().replace("0X", "0x"), "mistyped", id="all-cases-swapped"),
        pytest.param("0x" + "0" * 40, "zero address", id="nobody"),
        pytest.param(GOOD[:-1], "not an address", id="short"),
        pytest.param(GOOD + "0", "not an address", id="long"),
        pytest.param(GOOD[2:], "not an address", id="no-prefix"),
        pytest.param("0X" + GOOD[2:], "not an address", id="another-prefix"),
        pytest.param(GOOD + "\n", "not an address", id="a-line-break"),
        pytest.param("vitalik.eth", "not an address", id="a-name"),
        pytest.param(None, "not an address", id="nothing"),
        pytest.param(5, "not an address", id="a-number"),
    ],
)
def test_an_address_that_may_be_mistyped_is_not_paid(text, flaw):
    assert (flaw in address_flaw(text)) if flaw else address_flaw(text) == ""
