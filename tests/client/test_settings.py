"""The settings: from the environment and the flags, one frozen object or a sentence about what is wrong."""

import os
import tempfile
from pathlib import Path

import pytest

from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.client.settings.model import Money, Settings, WalletSource
from img402_mcp.client.settings.names import APIS
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.settings.studio import StudioSettings
from img402_mcp.client.settings.variables import HOSTED_PAYEE
from img402_mcp.errors import SettingsError
from img402_mcp.mcp_server.tools import ADDED
from tests.fakes.keys import KEY, PAYEE

SHARED = tuple(dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"))))


def test_without_any_setting_the_hosted_api_and_the_working_directory_are_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    made = client_settings({})
    assert made == Settings(
        api_url="https://img402.dev",
        allow_dirs=(tmp_path, *SHARED),
        money=Money(pay_to=HOSTED_PAYEE),
        folders_named_by="",
    )
    assert made.state_dir == tmp_path / "share" / "img402-mcp"


@pytest.mark.parametrize("folder", ["/", "~"])
def test_a_working_directory_that_holds_everything_is_not_a_default(folder, monkeypatch):
    monkeypatch.chdir(Path(folder).expanduser())
    assert client_settings({}).allow_dirs == SHARED


def test_a_linked_home_and_the_folders_above_it_are_not_defaults_either(tmp_path, monkeypatch):
    home = tmp_path / "real" / "home"
    home.mkdir(parents=True)
    (tmp_path / "link").symlink_to(home)
    monkeypatch.setenv("HOME", str(tmp_path / "link"))
    for everything in (home, home.parent):
        monkeypatch.chdir(everything)
        assert client_settings({}).allow_dirs == SHARED


@pytest.mark.parametrize(
    ("environ", "flags", "setting"),
    [
        pytest.param({}, [""], "--allow-dir", id="flag"),
        pytest.param({}, ["/pictures", " "], "--allow-dir", id="second-flag"),
        pytest.param({"IMG402_ALLOW_DIRS": os.pathsep}, [], "IMG402_ALLOW_DIRS", id="variable"),
    ],
)
def test_an_empty_folder_s_name_allows_nothing_by_accident(environ, flags, setting):
    with pytest.raises(SettingsError, match=f"^{setting} names an empty folder. Is a variable in it not set"):
        client_settings(environ, allow_dirs=flags)


def test_the_environment_is_read(tmp_path):
    environ = {
        "IMG402_API_URL": "http://127.0.0.1:4020/",
        "IMG402_ALLOW_DIRS": os.pathsep.join(("/one", "", "~/two")),
        "IMG402_STATE_DIR": "/state",
    }
    assert client_settings(environ) == Settings(
        api_url="http://127.0.0.1:4020", allow_dirs=(Path("/one"), Path.home() / "two"), named_state_dir=Path("/state")
    )


def test_flags_win_over_the_environment():
    environ = {"IMG402_API_URL": "http://a.example", "IMG402_ALLOW_DIRS": "/one", "IMG402_STATE_DIR": "/state"}
    assert client_settings(
        environ, api_url="http://b.example", allow_dirs=["/two"], state_dir="/elsewhere"
    ) == Settings(
        api_url="http://b.example",
        allow_dirs=(Path("/two"),),
        named_state_dir=Path("/elsewhere"),
        folders_named_by="--allow-dir",
    )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("img402.dev", 'IMG402_API_URL "img402.dev" is not an http(s) address', id="no-scheme"),
        pytest.param("ftp://img402.dev", 'IMG402_API_URL "ftp://img402.dev" is not an http(s) address', id="ftp"),
        pytest.param("https://", 'IMG402_API_URL "https://" is not an http(s) address', id="no-host"),
        pytest.param("http://a:99999", 'IMG402_API_URL "http://a:99999" is not an http(s) address', id="no-port"),
        pytest.param(
            "ftp://me:secret@api.example", 'IMG402_API_URL "...@api.example" is not an http(s)', id="ftp-password"
        ),
        pytest.param("https://me:secret@api.example", "IMG402_API_URL must be a plain address", id="password"),
        pytest.param("https://api.example?key=secret", "IMG402_API_URL must be a plain address", id="query"),
    ],
)
def test_an_invalid_api_address_is_refused_without_showing_its_secrets(url, sentence):
    with pytest.raises(SettingsError) as caught:
        client_settings({"IMG402_API_URL": url})
    assert str(caught.value).startswith(sentence)
    assert "secret" not in str(caught.value)


def test_money_is_read_in_usdc(tmp_path):
    environ = {
        "IMG402_API_URL": "http://127.0.0.1:4020",
        "IMG402_WALLET_KEY": KEY,
        "IMG402_MAX_PAYMENT": "0.25",
        "IMG402_DAILY_BUDGET": "5",
        "IMG402_PAY_TO": PAYEE,
        "IMG402_NETWORKS": "base, base-sepolia",
        "IMG402_APPROVE": "ask",
        "IMG402_PAID_FLOW": "inline",
        "IMG402_RPC_URL": "https://node.example/secret",
    }
    made = client_settings(environ).money
    assert made == Money(
        wallet=WalletSource(key=KEY),
        max_payment=250_000,
        daily_budget=5_000_000,
        pay_to=PAYEE,
        networks=("base", "base-sepolia"),
        approve="ask",
        flow="inline",
        rpc_url="https://node.example/secret",
    )
    assert KEY[2:] not in repr(made)
    assert "secret" not in repr(made)


def test_a_keystore_s_password_comes_from_its_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    environ = {"IMG402_WALLET_FILE": "/wallet.json", "IMG402_WALLET_PASSWORD_FILE": str(file)}
    made = client_settings(environ).money.wallet
    assert made == WalletSource(file=Path("/wallet.json"), password="open sesame")
    assert "sesame" not in repr(made)


def test_only_the_hosted_api_has_a_default_payee():
    assert client_settings({}).money.pay_to == HOSTED_PAYEE
    assert client_settings({"IMG402_API_URL": "https://other.example"}).money.pay_to is None


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        pytest.param({"IMG402_MAX_PAYMENT": "1e4"}, "IMG402_MAX_PAYMENT: '1e4' is not an amount of USDC", id="amount"),
        pytest.param({"IMG402_DAILY_BUDGET": "-1"}, "IMG402_DAILY_BUDGET: '-1' is not an amount of USDC", id="budget"),
        pytest.param({"IMG402_PAY_TO": "0x12"}, 'IMG402_PAY_TO "0x12" is not an address: 0x', id="payee"),
        pytest.param(
            {"IMG402_NETWORKS": "solana"}, 'IMG402_NETWORKS "solana" is not one of base, base-sepolia.', id="net"
        ),
        pytest.param({"IMG402_APPROVE": "yes"}, 'IMG402_APPROVE "yes" is not one of auto, ask.', id="approve"),
        pytest.param({"IMG402_PAID_FLOW": "x"}, 'IMG402_PAID_FLOW "x" is not one of token, inline.', id="flow"),
        pytest.param({"IMG402_WALLET_KEY": "hunter2"}, "IMG402_WALLET_KEY must be 64 hexadecimal digits", id="key"),
        pytest.param({"IMG402_WALLET_FILE": "/w"}, "IMG402_WALLET_FILE needs its password", id="no-password"),
        pytest.param({"IMG402_WALLET_FILE": "/w", "IMG402_WALLET_KEY": KEY}, "IMG402_WALLET_KEY and IMG402", id="both"),
    ],
)
def test_a_money_setting_that_makes_no_sense_is_refused(environ, sentence):
    with pytest.raises(SettingsError) as caught:
        client_settings(environ)
    assert str(caught.value).startswith(sentence)
    assert "hunter2" not in str(caught.value)


IO42 = {"IMG402_IO42_KEY": "io42_canary"}
STUDIO = {"IMG402_STUDIO_URL": "https://studio.example/", "IMG402_STUDIO_TOKEN": "studio_canary"}


@pytest.mark.parametrize(
    ("environ", "io42"),
    [
        pytest.param({}, None, id="not-configured"),
        pytest.param({"IMG402_IO42_MAX_FEE": "1"}, None, id="no-key"),
        pytest.param(IO42, Io42Settings("https://io42.xyz/api", "io42_canary"), id="the-documented-base-and-no-fee"),
        pytest.param(
            IO42
            | {
                "IMG402_IO42_URL": "http://127.0.0.1:4020/api/",
                "IMG402_IO42_MAX_FEE": "2.50",
                "IMG402_IO42_PAY_TO": HOSTED_PAYEE,
                "IMG402_IO42_FORWARDED_FOR": "203.0.113.9",
            },
            Io42Settings("http://127.0.0.1:4020/api", "io42_canary", 2_500_000, HOSTED_PAYEE, "203.0.113.9"),
            id="all",
        ),
    ],
)
def test_io42_is_configured_by_its_key(environ, io42):
    assert client_settings(environ).of(Io42Settings) == io42


def test_the_studio_is_configured_by_its_address_and_token():
    assert client_settings(STUDIO).of(StudioSettings) == StudioSettings("https://studio.example", "studio_canary")
    assert client_settings({}).apis == ()


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        pytest.param({"IMG402_IO42_URL": "io42.xyz"}, 'IMG402_IO42_URL "io42.xyz" is not an http', id="url"),
        pytest.param({"IMG402_IO42_MAX_FEE": "1e3"}, "IMG402_IO42_MAX_FEE: '1e3' is not an amount of USDC", id="fee"),
        pytest.param({"IMG402_IO42_PAY_TO": "me"}, 'IMG402_IO42_PAY_TO "me" is not an address', id="payee"),
        pytest.param(
            {"IMG402_IO42_FORWARDED_FOR": "1.2.3.4\r\nX: y"},
            r'IMG402_IO42_FORWARDED_FOR "1.2.3.4\\r\\nX: y" is not an IP address',
            id="forwarded-for",
        ),
        pytest.param({"IMG402_IO42_KEY": "io42 canary"}, "IMG402_IO42_KEY must be printable ASCII", id="key"),
        pytest.param({"IMG402_STUDIO_TOKEN": "canary\n"}, "IMG402_STUDIO_TOKEN must be printable", id="token"),
        pytest.param(
            {"IMG402_STUDIO_URL": "https://me:canary@a"}, "IMG402_STUDIO_URL must be a plain", id="studio-url"
        ),
        pytest.param({"IMG402_STUDIO_URL": ""}, "needs both IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN", id="no-url"),
        pytest.param({"IMG402_STUDIO_TOKEN": ""}, "needs both IMG402_STUDIO_URL and IMG402_STUDIO", id="no-token"),
    ],
)
def test_an_invalid_setting_of_io42_or_the_studio_is_a_sentence_without_secrets(environ, sentence):
    with pytest.raises(SettingsError, match=sentence) as caught:
        client_settings(IO42 | STUDIO | environ)
    assert "canary" not in str(caught.value)


def test_the_settings_show_no_key_and_no_token():
    assert "canary" not in repr(client_settings(IO42 | STUDIO))


@pytest.mark.parametrize(
    "spelling", ["https://IMG402.dev", "HTTPS://img402.dev/", "https://img402.dev:443", "https://img402.dev."]
)
def test_the_hosted_api_is_recognised_however_it_is_spelled(spelling):
    made = client_settings({"IMG402_API_URL": spelling})
    assert (made.api_url, made.money.pay_to) == ("https://img402.dev", HOSTED_PAYEE)


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_an_api_s_variables_begin_with_its_name_so_that_they_are_read_together(api):
    assert {name for name in api.variables if not name.startswith(f"IMG402_{api.name.upper()}_")} == set()
    assert api.secret in api.variables


def test_every_api_has_a_tool():
    assert [*ADDED] == ["wallet", *(api.name for api in APIS)]
