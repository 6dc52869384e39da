"""Addresses that must not be paid, and what a node is asked and answers."""

import pytest

from img402_mcp.wire.evm import address_flaw, authorization_state, balance_of, number, rpc_request, word
from img402_mcp.wire.x402 import BASE

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


def test_a_call_names_the_function_and_its_arguments_of_32_bytes_each():
    nonce = "0x" + "ab" * 32
    payer = GOOD[2:].lower().rjust(64, "0")
    assert authorization_state(BASE, GOOD, nonce) == {"to": BASE.usdc, "data": f"0xe94a0102{payer}{'ab' * 32}"}
    assert balance_of(BASE, GOOD) == {"to": BASE.usdc, "data": f"0x70a08231{payer}"}
    assert word(GOOD) == f"0x{payer}"
    assert rpc_request("eth_call", {}, "latest") == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "eth_call",
        "params": ({}, "latest"),
    }


def test_a_number_is_hexadecimal_with_a_prefix():
    assert [number(text) for text in ("0x0", "0x10", "0xFf", "0x" + "0" * 63 + "1")] == [0, 16, 255, 1]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("0x", id="no-digits"),
        pytest.param("10", id="no-prefix"),
        pytest.param("-0x1", id="negative"),
        pytest.param("0x1\n", id="a-line-break"),
        pytest.param("0x1_0", id="pythons-own"),
        pytest.param("0x" + "f" * 65, id="more-than-32-bytes"),
        pytest.param(16, id="a-number-of-json"),
        pytest.param(None, id="null"),
        pytest.param({"result": "0x1"}, id="an-object"),
    ],
)
def test_what_is_no_number_of_a_node_is_refused(value):
    with pytest.raises(ValueError, match="not a number"):
        number(value)
