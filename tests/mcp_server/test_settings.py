"""Over HTTP: which Host names are accepted, and that other users need a token."""

import pytest

from img402_mcp.errors import SettingsError
from img402_mcp.mcp_server.settings import ServeFlags, ServeSettings, serve_settings
from tests.fakes.keys import KEY

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("name", ["https://mcp.example", "mcp.example/mcp"])
def test_a_host_that_is_an_address_is_refused(name):
    with pytest.raises(SettingsError, match="^--allowed-host .* is not a name as in a Host header"):
        serve_settings({}, ServeFlags(transport="sse", allowed_hosts=[name]))


def test_stdio_needs_nothing():
    assert serve_settings({}, ServeFlags()).transport == "stdio"


def test_on_loopback_only_loopback_names_are_accepted():
    assert serve_settings(
        {}, ServeFlags(transport="streamable-http", port=8402, allowed_hosts=["tunnel.example"])
    ) == ServeSettings(
        transport="streamable-http",
        host="127.0.0.1",
        port=8402,
        allowed_hosts=(
            *("127.0.0.1", "127.0.0.1:*", "localhost", "localhost:*", "[::1]", "[::1]:*"),
            *("tunnel.example", "tunnel.example:*"),
        ),
        allowed_origins=(
            *("http://127.0.0.1", "http://127.0.0.1:*", "http://localhost", "http://localhost:*"),
            *("http://[::1]", "http://[::1]:*"),
        ),
    )


WIDE = ServeFlags(
    transport="sse", host="0.0.0.0", allow_dirs=["/pictures"], allowed_hosts=["mcp.example:8402"], allowed_origins=["x"]
)


def test_beyond_loopback_only_the_named_hosts_and_origins_are_accepted():
    assert serve_settings({"IMG402_SERVE_TOKEN": TOKEN}, WIDE) == ServeSettings(
        transport="sse",
        host="0.0.0.0",
        port=0,
        allowed_hosts=("mcp.example:8402",),
        allowed_origins=("x",),
        token=TOKEN,
    )


@pytest.mark.parametrize(
    ("environ", "flags", "missing"),
    [
        pytest.param(
            {},
            ServeFlags(transport="sse", host="0.0.0.0"),
            "without a bearer token (IMG402_SERVE_TOKEN or --token-file) and the folders it may read (--allow-dir or "
            "IMG402_ALLOW_DIRS) and the names it is reached by (--allowed-host)",
            id="everything",
        ),
        pytest.param({}, WIDE, "without a bearer token (IMG402_SERVE_TOKEN or --token-file).", id="token"),
        pytest.param(
            {"IMG402_SERVE_TOKEN": TOKEN},
            ServeFlags(transport="sse", host="::", allowed_hosts=["x"]),
            "without the folders it may read (--allow-dir or IMG402_ALLOW_DIRS).",
            id="folders",
        ),
        pytest.param(
            {"IMG402_SERVE_TOKEN": TOKEN, "IMG402_ALLOW_DIRS": "/pictures"},
            ServeFlags(transport="streamable-http", host="192.168.0.5"),
            "without the names it is reached by (--allowed-host).",
            id="names",
        ),
    ],
)
def test_a_server_that_strangers_could_use_does_not_start(environ, flags, missing):
    with pytest.raises(SettingsError) as caught:
        serve_settings(environ, flags)
    assert str(caught.value).startswith(f'On "{flags.host}" other machines can reach this server')
    assert missing in str(caught.value)


def test_the_token_is_read_from_its_file_and_is_in_no_repr(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    made = serve_settings({"IMG402_SERVE_TOKEN": "x" * 32}, ServeFlags(token_file=str(file)))
    assert made.token == TOKEN
    assert TOKEN not in repr(made)


@pytest.mark.parametrize(
    "content",
    [pytest.param(b"", id="empty"), pytest.param(b"short", id="short"), pytest.param(b"a b" * 20, id="spaces")],
)
def test_a_poor_token_is_refused_and_not_repeated(content, tmp_path):
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^The bearer token must be at least 16 printable ASCII characters"):
        serve_settings({}, ServeFlags(token_file=str(file)))


@pytest.mark.parametrize("content", [pytest.param(None, id="missing"), pytest.param(b"\xff" * 32, id="binary")])
def test_a_token_file_that_cannot_be_read_is_named(content, tmp_path):
    file = tmp_path / "token"
    if content:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="^--token-file .+ could not be read: "):
        serve_settings({}, ServeFlags(token_file=str(file)))


def test_an_unknown_transport_is_refused():
    with pytest.raises(SettingsError, match=r'^--transport "pigeon" is not one of stdio, streamable-http, sse\.$'):
        serve_settings({}, ServeFlags(transport="pigeon"))


@pytest.mark.parametrize("transport", ["streamable-http", "sse"])
@pytest.mark.parametrize(
    "held", [{"IMG402_WALLET_KEY": KEY}, {"IMG402_IO42_KEY": "io42_x"}, {"IMG402_STUDIO_TOKEN": "x"}], ids=str
)
def test_with_a_wallet_or_a_key_a_bearer_is_demanded_on_loopback_too(transport, held):
    with pytest.raises(SettingsError, match="^A wallet or an API's key is configured, and over HTTP any program"):
        serve_settings(held, ServeFlags(transport=transport))
    assert serve_settings(held | {"IMG402_SERVE_TOKEN": TOKEN}, ServeFlags(transport=transport)).token
    assert serve_settings(held, ServeFlags()).token is None
