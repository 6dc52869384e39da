"""The budget is pure: an offer in, a decision out."""

from dataclasses import replace

import pytest

from img402_mcp.client.payments.budget import Policy, Spending, decide, trustworthy, window
from img402_mcp.client.payments.payment_required import PaymentRequired, PaymentRequirements
from img402_mcp.errors import PaymentRefused
from img402_mcp.wire.x402 import BASE, BASE_SEPOLIA
from tests.fakes.keys import PAYEE
from tests.fakes.paywall import ORIGIN

OTHER = "0x" + "66" * 20
OFFER = PaymentRequirements(2, BASE, 10_000, PAYEE, 300, {})
POLICY = Policy(max_payment=10_000, daily_budget=1_000_000)
NOTHING_YET = Spending(0, {})


def offering(*offers: PaymentRequirements, skipped: tuple[str, ...] = (), error: str = "") -> PaymentRequired:
    return PaymentRequired(2, offers, skipped=skipped, error=error)


@pytest.mark.parametrize(
    ("offer", "policy", "spending"),
    [
        pytest.param(OFFER, POLICY, NOTHING_YET, id="the-usual"),
        pytest.param(OFFER, POLICY, Spending(990_000, {}), id="the-last-of-the-day"),
        pytest.param(OFFER, POLICY, Spending(0, {"base": PAYEE.lower()}), id="the-same-payee-in-lower-case"),
        pytest.param(OFFER, POLICY, Spending(0, {"base-sepolia": OTHER}), id="a-payee-pinned-on-another-network"),
        pytest.param(OFFER, replace(POLICY, pay_to=PAYEE), Spending(0, {"base": OTHER}), id="expected-beats-pinned"),
        pytest.param(replace(OFFER, timeout_seconds=10), POLICY, NOTHING_YET, id="just-time-enough"),
        pytest.param(
            replace(OFFER, network=BASE_SEPOLIA), replace(POLICY, networks=("base-sepolia",)), NOTHING_YET, id="sepolia"
        ),
    ],
)
def test_what_is_allowed_is_chosen(offer, policy, spending):
    assert decide(offering(offer), ORIGIN, policy, spending) is offer


PREFIX = "api.example asks for a payment that was not made; nothing was signed. "


@pytest.mark.parametrize(
    ("offer", "policy", "spending", "sentence"),
    [
        pytest.param(
            replace(OFFER, amount=10_001),
            POLICY,
            NOTHING_YET,
            "It asks for 0.010001 USDC; at most 0.01 is allowed for one payment. IMG402_MAX_PAYMENT changes that.",
            id="dearer-than-one-payment-may-be",
        ),
        pytest.param(
            OFFER,
            POLICY,
            Spending(990_001, {}),
            "It asks for 0.01 USDC, and 0.990001 of the 1 allowed in 24 hours is signed already. Wait, or change "
            "IMG402_DAILY_BUDGET.",
            id="more-than-is-left-of-the-day",
        ),
        pytest.param(
            replace(OFFER, network=BASE_SEPOLIA),
            POLICY,
            NOTHING_YET,
            "It asks for USDC on base-sepolia; IMG402_NETWORKS allows base.",
            id="a-network-that-is-not-allowed",
        ),
        pytest.param(
            replace(OFFER, network=replace(BASE, usdc=OTHER)),
            POLICY,
            NOTHING_YET,
            "It asks for USDC on base; IMG402_NETWORKS allows base.",
            id="a-network-that-is-not-of-our-table",
        ),
        pytest.param(
            OFFER,
            replace(POLICY, pay_to=OTHER),
            NOTHING_YET,
            f"It wants the money sent to {PAYEE}, but {OTHER} is expected (IMG402_PAY_TO). If you know from its "
            f"operator that the payee has changed, set IMG402_PAY_TO={PAYEE}.",
            id="another-payee-than-expected",
        ),
        pytest.param(
            OFFER,
            POLICY,
            Spending(0, {"base": OTHER}),
            f"It wants the money sent to {PAYEE}, but {OTHER} was paid the first time. If you know from its "
            f"operator that the payee has changed, set IMG402_PAY_TO={PAYEE}.",
            id="another-payee-than-the-first-time",
        ),
        pytest.param(
            replace(OFFER, timeout_seconds=9),
            POLICY,
            NOTHING_YET,
            "It gives 9 seconds to pay; under 10 no payment can be settled. Only its operator can change that.",
            id="too-little-time",
        ),
        pytest.param(
            replace(OFFER, amount=0),
            POLICY,
            NOTHING_YET,
            "It asks for 0 USDC; at most 0.01 is allowed for one payment. IMG402_MAX_PAYMENT changes that.",
            id="nothing",
        ),
    ],
)
def test_a_refusal_names_the_amount_asked_the_amount_allowed_and_the_setting(offer, policy, spending, sentence):
    with pytest.raises(PaymentRefused) as caught:
        decide(offering(offer), ORIGIN, policy, spending)
    assert str(caught.value) == PREFIX + sentence


def test_the_cheapest_allowed_offer_is_taken():
    cheap, cheapest_but_elsewhere = replace(OFFER, amount=2), replace(OFFER, amount=1, network=BASE_SEPOLIA)
    assert decide(offering(OFFER, cheap, cheapest_but_elsewhere), ORIGIN, POLICY, NOTHING_YET) is cheap


def test_without_a_usable_offer_the_reasons_are_given():
    payment_required = offering(skipped=('network "solana" is not known', "it names no amount"), error="Pay\nnow")
    with pytest.raises(PaymentRefused) as caught:
        decide(payment_required, ORIGIN, POLICY, NOTHING_YET)
    assert str(caught.value) == (
        PREFIX + 'None of its offers can be paid: network "solana" is not known; it names no amount. '
        'Its own words: "Pay\\nnow"'
    )


def test_over_plain_http_nothing_is_paid():
    with pytest.raises(PaymentRefused) as caught:
        decide(offering(OFFER), "http://api.example", POLICY, NOTHING_YET)
    assert str(caught.value) == (
        '"http://api.example" asks for a payment, but over http anyone in between could take it: only https, or an API '
        "on this machine, is paid. Nothing was signed. Set IMG402_API_URL to its https address."
    )


@pytest.mark.parametrize(
    ("origin", "is_trustworthy"),
    [
        ("https://api.example", True),
        ("http://127.0.0.1:4020", True),
        ("http://127.8.8.8", False),
        ("http://[::1]:4020", True),
        ("http://localhost:4020", True),
        ("http://api.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.1", False),
        ("http://2130706433", False),
        ("http://0.0.0.0", False),
        ("http://localhost@evil.example", False),
        ("ftp://127.0.0.1", False),
        ("", False),
    ],
)
def test_only_https_and_this_machine_are_trusted(origin, is_trustworthy):
    assert trustworthy(origin) is is_trustworthy


@pytest.mark.parametrize(
    ("timeout", "length"), [(10, 10), (300, 300), (600, 600), (601, 600), (315_360_000, 600)], ids=str
)
def test_the_window_is_never_longer_than_ten_minutes(timeout, length):
    assert window(replace(OFFER, timeout_seconds=timeout), 1000.9) == (400, 1000 + length)
