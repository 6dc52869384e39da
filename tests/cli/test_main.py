"""The commands, as processes where that matters: what they print, how they end, which requests they accept."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from img402_mcp import __version__
from tests.fakes import in_process
from tests.fakes.keys import ADDRESS, KEY, PAYEE, SELLING
from tests.fakes.program import started

PROGRAM = [sys.executable, "-m", "img402_mcp"]
TOKEN = "0123456789abcdef0123456789abcdef"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


def run(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return in_process.run(*arguments, environ={"IMG402_HISTORY": "off"} | environ)


def run_process(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        env={"IMG402_HISTORY": "off"} | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def run_fork(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """All that it prints is `stderr`."""
    with started(*arguments, environ=environ) as program:
        output = program.stdout.read()
        return subprocess.CompletedProcess([*map(str, arguments)], program.wait(30), "", output)


@contextmanager
def running(*arguments: object, **environ: str) -> Iterator[str]:
    """The URL at which the program says it serves."""
    with started(*arguments, environ=environ) as program:
        line = next(line for line in program.stdout if "http://" in line)
        yield re.search(r"http://\S+?(?=,|$)", line)[0]


@contextmanager
def on_stdio(command: list[str], **environ: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def ask(program: subprocess.Popen[str], message: dict[str, object]) -> dict[str, object]:
    program.stdin.write(json.dumps(message) + "\n")
    program.stdin.flush()
    return json.loads(program.stdout.readline())


def test_the_version_is_printed():
    assert run_process("--version").stdout == f"img402-mcp {__version__}\n"


def test_the_end_of_the_input_ends_the_server_and_stdout_stays_empty(pictures):
    ended = run_process(IMG402_ALLOW_DIRS=str(pictures))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_an_interrupt_ends_the_server_at_once_while_the_input_is_open(pictures):
    with on_stdio(PROGRAM, IMG402_ALLOW_DIRS=str(pictures)) as program:
        ask(program, HELLO)
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=20) == -signal.SIGINT


NOISY = """
import os, sys
from typing import NamedTuple
from img402_mcp import __main__
from img402_mcp.mcp_server import tools
from img402_mcp.mcp_server.results import Answer
from img402_mcp.mcp_server.session import ToolContext
from img402_mcp.mcp_server.tool import ToolEntry

class Done(NamedTuple):
    note: str = ""

async def noisy(ctx: ToolContext) -> Answer[Done]:
    print("a stray print")
    print("a stray word", end="")
    os.write(1, b"a stray write\\n")
    os.system("echo a stray child")
    return Answer("done", Done())

tools.TOOLS.append(ToolEntry(noisy, "Noisy", "Make noise.", tools.READS))
sys.exit(__main__.ending([]))
"""


def test_invariant_9_a_stray_print_never_lands_in_the_protocol(pictures, tmp_path):
    script = tmp_path / "noisy.py"
    script.write_text(NOISY)
    with on_stdio([sys.executable, str(script)], IMG402_ALLOW_DIRS=str(pictures)) as program:
        ask(program, HELLO)
        called = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "noisy", "arguments": {}}}
        answer = ask(program, called)
        rest, strays = program.communicate(timeout=10)
    assert answer["result"]["content"] == [{"type": "text", "text": "done"}]
    assert rest == ""
    assert {*strays.splitlines()} >= {"a stray print", "a stray write", "a stray child"}
    assert strays.count("a stray word") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(["{one}", "{two}"], ["one", "two"], id="arguments"),
        pytest.param(["--allow-dir", "{one}", "{two}"], ["one", "two"], id="flag-and-argument"),
        pytest.param(["${{user_config.folders}}"], [], id="nothing-filled-in"),
        pytest.param(["", " "], [], id="left-empty"),
        pytest.param(["", "{two}"], ["two"], id="empty-by-half"),
        pytest.param(["${{user_config.folders}}", "{two}"], ["two"], id="filled-in-by-half"),
    ],
)
async def test_serve_reads_the_folders_that_its_arguments_name(arguments, named, tmp_path):
    folders = {name: tmp_path / name for name in ("one", "two")}
    for folder in folders.values():
        folder.mkdir()
    words = [word.format(**folders) for word in arguments]
    command, *rest = PROGRAM
    environ = {"IMG402_API_URL": "http://127.0.0.1:9", "IMG402_HISTORY": "off"}
    async with Client(StdioServerParameters(command=command, args=[*rest, "serve", *words], env=environ)) as client:
        said = (await client.call_tool("limits", {})).structured_content
    given = [folder for folder in map(Path, said["allowed_dirs"]) if folder.parent == tmp_path.resolve()]
    assert given == [folders[name].resolve() for name in named]
    assert (len(said["allowed_dirs"]) == len(named)) is bool(named)


@pytest.mark.parametrize(
    ("arguments", "environ", "sentence"),
    [
        pytest.param(
            ["serve", "--transport", "sse", "--host", "0.0.0.0", "--allow-dir", "/", "--allowed-host", "x"],
            {},
            'img402-mcp: On "0.0.0.0" other machines can reach this server',
            id="open-to-strangers",
        ),
        pytest.param(["serve"], {"IMG402_API_URL": "x"}, 'img402-mcp: IMG402_API_URL "x" is not an http', id="api"),
        pytest.param(
            ["serve", "--allow-dir", "/nowhere-at-all"],
            {},
            'img402-mcp: IMG402_ALLOW_DIRS or --allow-dir names "/nowhere-at-all", which does not exist',
            id="missing-folder",
        ),
        pytest.param(
            ["serve", "/tmp", "/nowhere-at-all"],
            {},
            'img402-mcp: IMG402_ALLOW_DIRS or --allow-dir names "/nowhere-at-all", which does not exist',
            id="missing-folder-among-the-arguments",
        ),
        pytest.param(
            ["serve", "/nowhere-at-all"],
            {"IMG402_API_URL": "${user_config.api_url}"},
            "img402-mcp: IMG402_ALLOW_DIRS or --allow-dir names",
            id="nothing-filled-in-for-the-api",
        ),
        pytest.param(
            ["serve", "--allow-dir", ""], {}, "img402-mcp: --allow-dir names an empty folder", id="empty-folder"
        ),
        pytest.param(
            ["serve"], {"IMG402_API_URL": "${HOME}"}, 'img402-mcp: IMG402_API_URL "${HOME}"', id="variable-of-a-shell"
        ),
        pytest.param(
            ["host", "--host", "0.0.0.0", "--port", "0"], {}, "img402-mcp: The public URL is", id="host-without-a-name"
        ),
        pytest.param(
            ["serve", "--transport=sse", "--host=203.0.113.1", "--port=0", "--allowed-host=x", "--allow-dir=/tmp"],
            {"IMG402_SERVE_TOKEN": TOKEN},
            'img402-mcp: Cannot listen on "203.0.113.1" port 0 (',
            id="no-such-address",
        ),
        pytest.param(
            ["host", "--host", "\udcff", "--port", "0"], {}, "img402-mcp: Cannot listen on", id="address-of-no-text"
        ),
        pytest.param(
            ["host", "--host", "a" * 70, "--port", "0"], {}, "img402-mcp: Cannot listen on", id="address-of-one-label"
        ),
    ],
)
def test_unusable_settings_end_with_one_sentence_and_code_2(arguments, environ, sentence):
    start = run_fork if "host" in arguments else run  # a host sets its process's umask and log
    ended = start(*arguments, **environ)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(sentence)
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="stdio"),
        pytest.param(["serve", "--transport=streamable-http", "--port=0"], id="http"),
        pytest.param(["upload", "a.png"], id="upload"),
        pytest.param(["publish", "a.md"], id="publish"),
        pytest.param(["history"], id="history"),
        pytest.param(["price"], id="price"),
        pytest.param(["wallet", "new", "keystore.json"], id="wallet-new"),
        pytest.param(["wallet", "import", "keystore.json"], id="wallet-import"),
        pytest.param(["wallet", "address"], id="wallet-address"),
        pytest.param(["wallet", "status"], id="wallet-status"),
    ],
)
def test_a_misspelt_variable_stops_every_command_that_reads_settings(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = run(*arguments, IMG402_DAILY_BUGDET="0.10", IMG402_HOST_DTAA="x")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        'img402-mcp: "IMG402_DAILY_BUGDET" is not a variable of img402-mcp, so it has no effect: did you mean '
        "IMG402_DAILY_BUDGET?\n"
    )
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "arguments", [["host", "--port=0"], ["host", "admin", "agents", "list"]], ids=["host", "admin"]
)
def test_a_misspelt_variable_stops_a_host(arguments, tmp_path):
    misspelt = {"IMG402_HOST_FREE_DIALY": "9", "IMG402_SRCUB": "off"}
    ended = run_fork(*arguments, IMG402_HOST_DATA=str(tmp_path / "host"), **misspelt)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        'img402-mcp: "IMG402_HOST_FREE_DIALY" is not a variable of img402-mcp, so it has no effect: did you mean '
        "IMG402_HOST_FREE_DAILY?\n"
    )
    assert [*tmp_path.iterdir()] == []


def test_an_unknown_variable_that_resembles_none_is_a_warning_on_stderr(tmp_path):
    ended = run_process("history", IMG402_STATE_DIR=str(tmp_path), IMG402_QQQQ="secret", IMG402_HOST_QQQQ="secret")
    assert ended.stderr.splitlines()[0] == (
        'WARNING img402_mcp.settings: "IMG402_QQQQ" is not a variable of img402-mcp, so it has no effect.'
    )
    assert "secret" not in ended.stderr


def test_a_host_logs_a_warning_for_an_unknown_variable_that_resembles_none(tmp_path):
    environ = {"IMG402_HOST_QQQQ": "secret", "IMG402_QQQQ": "secret"}
    with started("host", "--port", 0, "--data", tmp_path / "host", environ=environ) as program:
        warning = json.loads(program.stdout.readline())
    assert (warning["level"], warning["message"]) == (
        "warning",
        '"IMG402_HOST_QQQQ" is not a variable of img402-mcp, so it has no effect.',
    )


async def test_with_a_token_only_its_bearer_is_served(pictures):
    serve = ("serve", "--transport", "streamable-http", "--port", 0, "--allow-dir", pictures)
    with running(*serve, IMG402_SERVE_TOKEN=TOKEN) as url:
        async with httpx2.AsyncClient() as stranger:
            without = await stranger.post(url, json=HELLO)
            wrong = await stranger.post(url, json=HELLO, headers={"Authorization": f"Bearer {TOKEN[::-1]}"})
        friend = httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"})
        async with friend, Client(streamable_http_client(url, http_client=friend)) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
    assert (without.status_code, wrong.status_code) == (401, 401)
    assert without.headers["www-authenticate"].startswith("Bearer")
    assert "upload_free" in tools


@pytest.mark.parametrize("environ", [{}, {"IMG402_SERVE_TOKEN": TOKEN}], ids=["open", "token"])
def test_a_server_that_every_user_of_the_machine_can_use_says_so(pictures, environ):
    with started("serve", "--transport", "sse", "--port", 0, "--allow-dir", pictures, environ=environ) as program:
        said = program.stdout.readline()
    assert (", without a token: every user and program of this machine can use it" in said) is (not environ)


@pytest.fixture(scope="module", params=["streamable-http", "sse"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A function that sends a request there, and the URL."""
    with running("serve", "--transport", request.param, "--port", 0, "--allow-dir", Path(__file__).parent) as url:
        yield "GET" if request.param == "sse" else "POST", url


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Host": "evil.example"}, 421, id="host"),
        pytest.param({"Host": "127.0.0.1.evil.example:80"}, 421, id="host-prefix"),
        pytest.param({"Host": "127.0.0.1:4993@evil.example"}, 421, id="host-with-a-user"),
        pytest.param({"Host": "localhost:80.evil.example"}, 421, id="host-behind-a-port"),
        pytest.param({"Host": "localhost:"}, 421, id="host-with-an-empty-port"),
        pytest.param({"Host": "localhost:8o"}, 421, id="host-with-a-port-that-is-none"),
        pytest.param({"Host": "127.0.0.1:80/evil.example"}, 421, id="host-with-a-path"),
        pytest.param({"Origin": "http://localhost:80.evil.example"}, 403, id="origin-behind-a-port"),
        pytest.param({"Origin": "http://127.0.0.1:80@evil.example"}, 403, id="origin-with-a-user"),
        pytest.param({"Origin": "http://localhost:"}, 403, id="origin-with-an-empty-port"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="origin"),
        pytest.param({"Origin": "null"}, 403, id="origin-null"),
    ],
)
def test_a_page_that_rebinds_its_name_to_this_machine_is_refused(served, headers, status):
    method, url = served
    answer = httpx2.request(method, url, json=HELLO, headers=headers | {"Accept": "application/json"})
    assert answer.status_code == status


def test_a_visitor_cannot_name_the_address_that_it_is_counted_by(tmp_path, sample):
    with running("host", "--port", 0, "--data", tmp_path / "host", IMG402_HOST_FREE_DAILY_PER_ADDRESS="1") as api:
        statuses = [
            httpx2.post(
                f"{api}/api/free", files={"image": sample("plain.png")}, headers={"X-Forwarded-For": address}
            ).status_code
            for address in ("9.9.9.1", "9.9.9.2")
        ]
    assert statuses == [200, 429]


def test_the_host_writes_one_line_of_json_for_each_request(tmp_path):
    with started("host", "--port", 0, "--data", tmp_path / "host", environ={}) as program:
        url = re.search(r"http://\S+?(?=,)", program.stdout.readline())[0]
        httpx2.get(f"{url}/healthz?token=secret")
        program.terminate()
        settings, line = program.stdout.read().splitlines()
    assert json.loads(settings)["message"] == "the settings in force"
    output = json.loads(line)
    assert (output["method"], output["path"], output["status"], output["client"]) == (
        "GET",
        "/healthz",
        200,
        "127.0.0.1",
    )


@pytest.mark.parametrize("arguments", [["host"], ["serve", "--transport=sse"]], ids=["host", "serve"])
def test_an_interrupt_ends_a_server_silently(arguments, tmp_path):
    environ = {"IMG402_HOST_DATA": str(tmp_path / "host"), "IMG402_ALLOW_DIRS": str(tmp_path)}
    command = [*PROGRAM, *arguments, "--port=0"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as program, ExitStack() as end:
        end.callback(program.kill)
        address = re.search(r"http://[^/,\s]+", program.stderr.readline())[0]
        httpx2.get(f"{address}/nothing")  # it runs
        program.send_signal(signal.SIGINT)
        output = program.stderr.read()
    # 0 where anyone who started the tests ignores the signal, as a shell does for what it runs in the background.
    assert program.returncode in {0, 130}
    assert "Traceback" not in output


@pytest.mark.parametrize("transport", ["streamable-http", "sse"])
def test_named_hosts_and_origins_are_accepted_and_no_redirect_names_another(transport, pictures):
    flags = (
        "--transport",
        transport,
        "--port",
        0,
        "--allowed-host",
        "mcp.example",
        "--allowed-origin",
        "https://a.example",
    )
    with running("serve", *flags, IMG402_ALLOW_DIRS=str(pictures)) as url:
        preflight = httpx2.options(
            url, headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        )
        stranger = httpx2.options(url, headers={"Origin": "https://b.example", "Access-Control-Request-Method": "POST"})
        named = {"Host": "mcp.example", "Origin": "https://a.example", "Accept": "application/json, text/event-stream"}
        method = "GET" if transport == "sse" else "POST"
        with httpx2.stream(method, url, headers=named, json=HELLO) as entered:
            status = entered.status_code
        tidied = httpx2.post(f"{url}/", headers={"Host": "evil.example"})
    assert preflight.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in stranger.headers
    assert status == 200
    assert "location" not in tidied.headers


def test_one_refused_file_hides_none_of_the_others(tmp_path, pictures, sample):
    (pictures / "a.png").write_bytes(sample("plain.png"))
    with running("host", "--port", 0, "--data", tmp_path / "host") as api:
        done = run(
            "upload", pictures / "missing.png", pictures / "a.png", IMG402_API_URL=api, IMG402_ALLOW_DIRS=str(pictures)
        )
    assert (done.returncode, done.stdout.count(api), done.stderr.count("does not exist")) == (1, 1, 1)


def test_the_command_line_uses_the_same_uploader(pictures, tmp_path, sample):
    (pictures / "a.png").write_bytes(sample("plain.png"))
    (tmp_path / "b.png").write_bytes(sample("plain.png"))
    with running("host", "--port", 0, "--data", tmp_path / "host") as api:
        environ = {"IMG402_API_URL": api, "IMG402_ALLOW_DIRS": str(pictures)}
        done = run("upload", "--url", pictures / "a.png", pictures / "a.png", **environ)
        refused = run("upload", tmp_path / "b.png", **environ)
        served = [httpx2.get(url).content for url in done.stdout.split()]
    assert served == [sample("plain.png")]
    assert refused.returncode == 1
    assert refused.stderr.startswith(f'img402-mcp: "{tmp_path / "b.png"}" is not inside an allowed folder.')


def test_a_wallet_is_imported_encrypted_and_pays(tmp_path, pictures, sample):
    (pictures / "a.png").write_bytes(sample("plain.png"))
    (tmp_path / "password").write_text("open sesame")
    keystore = tmp_path / "keys" / "wallet.json"
    password = {"IMG402_WALLET_PASSWORD_FILE": str(tmp_path / "password")}
    made = run("wallet", "import", keystore, IMG402_WALLET_KEY=KEY, **password)
    again = run("wallet", "new", keystore, **password)
    with running("host", "--port", 0, "--data", tmp_path / "host", **SELLING) as api:
        environ = {
            "IMG402_API_URL": api,
            "IMG402_ALLOW_DIRS": str(pictures),
            "IMG402_STATE_DIR": str(tmp_path / "state"),
            "IMG402_WALLET_KEY": KEY,
            "IMG402_NETWORKS": "base-sepolia",
        }
        price = run("price", **environ)
        address = run("wallet", "address", IMG402_WALLET_FILE=str(keystore), **password)
        paid = run("upload", "--paid", "--url", pictures / "a.png", **environ)
        status = run("wallet", "status", **environ)
        resumed = run("wallet", "resume", **environ)
        unknown = run("wallet", "resolve", "0x12", **environ)
        served = httpx2.get(paid.stdout.strip()).content
    assert (made.returncode, made.stdout) == (0, ADDRESS + "\n")
    assert KEY[2:].lower() not in keystore.read_text().lower()
    assert keystore.stat().st_mode & 0o777 == 0o600
    assert again.returncode == 2
    assert "exists already and may hold a key" in again.stderr
    assert price.stdout == f"0.01 USDC on base-sepolia to {PAYEE}, within 300 s\n"
    assert address.stdout == ADDRESS + "\n"
    assert served == sample("plain.png")
    assert status.stdout.splitlines() == [
        f"Wallet {ADDRESS} on base-sepolia",
        "Spent in 24 hours: 0.01 USDC, left: 0.99",
        "Spent in all: 0.01 USDC",
        "No payment is open.",
    ]
    assert (resumed.returncode, resumed.stdout) == (0, "")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith('img402-mcp: No payment has the nonce "0x12".')


def test_a_command_that_pays_needs_a_wallet(pictures):
    ended = run("upload", "--paid", pictures / "a.png", IMG402_ALLOW_DIRS=str(pictures))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("img402-mcp: No wallet is set: name it with IMG402_WALLET_FILE")
