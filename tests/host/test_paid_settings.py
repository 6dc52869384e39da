"""The settings of a host's paid products."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from img402_mcp.errors import SettingsError
from img402_mcp.host.settings import HostSettings, PaidSettings
from img402_mcp.wire.img402 import PaidTerms
from img402_mcp.wire.x402 import BASE, BASE_SEPOLIA
from tests.fakes.keys import PAYEE

Settings = Callable[..., HostSettings]
FACILITATOR = "https://facilitator.example/x402"
BASICS = {"IMG402_HOST_PAY_TO": PAYEE, "IMG402_HOST_FACILITATOR_URL": FACILITATOR}


def test_without_a_payee_nothing_is_sold(settings: Settings):
    assert settings(IMG402_HOST_FACILITATOR="play", IMG402_HOST_PRICE="1").paid is None


def test_the_terms_are_the_documented_ones(settings: Settings):
    assert settings(**BASICS).paid == PaidSettings(
        max_bytes=5_242_880,
        days=365,
        token_minutes=10,
        price=10_000,
        network=BASE,
        pay_to=PAYEE,
        facilitator="remote",
        facilitator_url=FACILITATOR,
        rpc_url="",
        trust_used=50_000,
    )


def test_every_paid_setting_can_be_given(settings: Settings):
    paid = settings(
        **BASICS,
        IMG402_HOST_NETWORK="base-sepolia",
        IMG402_HOST_PRICE="0.250",
        IMG402_HOST_FACILITATOR="remote",
        IMG402_HOST_PAID_MAX_BYTES="7",
        IMG402_HOST_PAID_DAYS="0",
        IMG402_HOST_TOKEN_MINUTES="3",
        IMG402_HOST_SECRET="s" * 32,
        IMG402_HOST_RPC_URL="http://127.0.0.1:8545/key",
        IMG402_HOST_TRUST_USED="0",
    ).paid
    assert paid == PaidSettings(
        max_bytes=7,
        days=None,
        token_minutes=3,
        price=250_000,
        network=BASE_SEPOLIA,
        pay_to=PAYEE,
        facilitator="remote",
        facilitator_url=FACILITATOR,
        rpc_url="http://127.0.0.1:8545/key",
        trust_used=0,
    )
    assert paid.terms == PaidTerms(max_bytes=7, days=None, price="0.25", network="base-sepolia", token_minutes=3)


def test_play_money_defaults_to_base_sepolia(settings: Settings):
    paid = settings(IMG402_HOST_PAY_TO=PAYEE, IMG402_HOST_FACILITATOR="play").paid
    assert (paid.network, paid.facilitator, paid.facilitator_url) == (BASE_SEPOLIA, "play", "")


def test_no_repr_shows_the_secret_or_the_nodes_key(settings: Settings):
    shown = repr(settings(**BASICS, IMG402_HOST_SECRET="hunter2" * 5, IMG402_HOST_RPC_URL="https://rpc/hunter2"))
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        pytest.param(
            {"IMG402_HOST_PAY_TO": PAYEE},
            "IMG402_HOST_PAY_TO is set, but nothing is set to check and settle payments. Set "
            "IMG402_HOST_FACILITATOR_URL to an x402 facilitator, or IMG402_HOST_FACILITATOR=play for play money.",
            id="no-facilitator",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_FACILITATOR": "coinbase"},
            'IMG402_HOST_FACILITATOR is "coinbase"; it must be remote or play.',
            id="unknown-facilitator",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_FACILITATOR": "play", "IMG402_HOST_NETWORK": "base"},
            "IMG402_HOST_FACILITATOR is play and IMG402_HOST_NETWORK is base. A signature over base is real money to "
            "anyone who has it, so use play money only with base-sepolia.",
            id="play-money-on-base",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_NETWORK": "solana"},
            'IMG402_HOST_NETWORK is "solana"; it must be base or base-sepolia.',
            id="another-network",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_PAY_TO": "me.eth"},
            'IMG402_HOST_PAY_TO "me.eth" is not an address: 0x and 40 hexadecimal digits. Give the '
            "address that is paid.",
            id="a-name-for-an-address",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_PAY_TO": "0x" + "0" * 40},
            f'IMG402_HOST_PAY_TO "0x{"0" * 40}" is the zero address, which nobody owns. Give the address that is paid.',
            id="nobody",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_PAY_TO": "0x209693bc6afc0C5328bA36FaF03C514EF312287C"},
            'IMG402_HOST_PAY_TO "0x209693bc6afc0C5328bA36FaF03C514EF312287C" is mistyped: the case of its letters does '
            "not match its checksum (EIP-55). Give the address that is paid.",
            id="mistyped",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_PAY_TO": "0x036CbD53842c5426634e7929541eC2318f3dCF7e"},
            'IMG402_HOST_PAY_TO "0x036CbD53842c5426634e7929541eC2318f3dCF7e" is the contract of USDC itself, which '
            "pays nothing out. Give the address that is paid.",
            id="the-token-itself",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_PRICE": "$0.01"},
            'IMG402_HOST_PRICE is "$0.01"; it must be an amount of USDC, more than 0, such as 0.01.',
            id="a-currency-sign",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_PRICE": "0.0000001"},
            'IMG402_HOST_PRICE is "0.0000001"; it must be an amount of USDC, more than 0, such as 0.01.',
            id="finer-than-usdc",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_PRICE": "0"},
            'IMG402_HOST_PRICE is "0"; it must be an amount of USDC, more than 0, such as 0.01.',
            id="free",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_TRUST_USED": "-1"},
            'IMG402_HOST_TRUST_USED is "-1"; it must be an amount of USDC, such as 0.05.',
            id="negative-trust",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_FACILITATOR_URL": "facilitator.example"},
            "IMG402_HOST_FACILITATOR_URL is not an http(s) address, or has a user name in it; give http(s)://name[/path].",
            id="no-scheme",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_RPC_URL": "https://me:hunter2@rpc.example"},
            "IMG402_HOST_RPC_URL is not an http(s) address, or has a user name in it; give http(s)://name[/path].",
            id="password-in-the-address",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_SECRET": "short"},
            "IMG402_HOST_SECRET has 5 characters; it must have 32 or more, such as the output of `openssl rand -hex "
            "32`. Leave it out to have one made in the data folder.",
            id="short-secret",
        ),
        pytest.param(
            {**BASICS, "IMG402_HOST_TOKEN_MINUTES": "0"},
            'IMG402_HOST_TOKEN_MINUTES is "0"; it must be a whole number, 1 to 1440.',
            id="no-minutes",
        ),
    ],
)
def test_an_unusable_setting_names_itself_and_the_way_out(settings: Settings, environ: dict[str, str], sentence: str):
    with pytest.raises(SettingsError) as caught:
        settings(**environ)
    assert str(caught.value) == sentence


def test_without_eth_account_a_host_that_sells_is_refused_and_says_where_it_works():
    program = (
        "import sys; sys.modules['eth_account'] = None\n"
        "from img402_mcp.errors import SettingsError\n"
        "from img402_mcp.host.settings import host_settings\n"
        f"try: host_settings({BASICS!r}, public_url='https://i.example')\n"
        "except SettingsError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert all(words in said for words in ("IMG402_HOST_PAY_TO", "eth-account", "Python 3.11 to 3.14"))
