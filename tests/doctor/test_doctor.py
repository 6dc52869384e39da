"""`img402-mcp doctor`: each misconfiguration is found and has a way out, and nothing secret is shown."""

import json
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import anyio
import pytest

from img402_mcp.client.history import History
from img402_mcp.doctor import variables
from img402_mcp.doctor.finding import Finding, fail, ok, warn
from img402_mcp.doctor.runner import CHECKS, examined

ROOT = Path(__file__).parent.parent.parent / "img402_mcp"
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
NOWHERE = "http://127.0.0.1:9"  # the port that nobody serves
API: dict[str, object] = {"paths": {"/api/free": {}}}
LIMITS: dict[str, object] = {"x-img402-limits": {"formats": ["image/png"], "free": {"maxBytes": 1_000_000, "days": 7}}}


@pytest.fixture
def found(tmp_path):
    """`await found("api", IMG402_...="...")`: what that check finds, with a home and a working folder of its own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()

    async def look(name: str, **environ: str) -> list[Finding]:
        environ = {"IMG402_STATE_DIR": str(tmp_path / "state"), "IMG402_ALLOW_DIRS": str(tmp_path / "here")} | environ
        checks = {name: CHECKS[name]}
        return (await examined(environ, tmp_path / "home", tmp_path / "here", checks))[name]

    return look


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.level, each.said) for each in findings]


# Settings


async def test_every_setting_that_cannot_be_read_is_told_at_once(found):
    findings = await found(
        "settings", IMG402_API_URL="x", IMG402_MAX_PAYMENT="much", IMG402_WALLET_KEY="12", IMG402_STUDIO_URL="http://s"
    )
    assert [each.said.partition(" ")[0] for each in findings if each.level == "fail"] == [
        "IMG402_API_URL",
        "IMG402_MAX_PAYMENT:",
        "IMG402_WALLET_KEY",
        "The",
    ]


async def test_what_can_be_read_is_gone_on_with(found, tmp_path):
    environ = {"IMG402_API_URL": "x", "IMG402_ALLOW_DIRS": str(tmp_path), "IMG402_SCRUB": "off"}
    settings, sentences = variables.read(environ)
    assert (settings.allow_dirs, settings.scrub, [*sentences]) == ((tmp_path,), False, ["IMG402_API_URL"])
    assert await found("api", **environ) == []


async def test_a_misspelt_variable_fails_since_nothing_starts_with_it(found):
    (finding,) = await found("variables", img402_api_url="a secret")
    assert finding == fail(
        '"img402_api_url" is not a variable of img402-mcp, so it has no effect: did you mean IMG402_API_URL?',
        "Correct the name; until then no server or command starts.",
    )
    assert await found("server", img402_api_url="a secret") == []


async def test_a_variable_that_is_near_to_none_is_warned_of(found):
    (finding,) = await found("variables", IMG402_QQQQ="a secret")
    assert finding == warn(
        '"IMG402_QQQQ" is not a variable of img402-mcp, so it has no effect.',
        "Remove it; the README has a table of all variables.",
    )


async def test_the_hosts_variables_are_its_own(found):
    assert told(await found("variables", IMG402_HOST_DATA="x")) == [("ok", "no IMG402_ variable that is not known")]


# Folders and files


async def test_folders_are_told_that_are_missing_or_wide(found, tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    findings = await found("folders", IMG402_ALLOW_DIRS=f"{home}:{tmp_path}:{here}:{tmp_path / 'missing'}")
    assert [each.level for each in findings] == ["warn", "warn", "ok", "fail"]
    assert findings[0].said.startswith(f'"{home}" is wide: ')
    assert findings[3].said.endswith("which does not exist; name a folder.")


async def test_a_state_folder_that_is_a_file_is_told(found, tmp_path):
    (tmp_path / "state").touch()
    assert await found("state") == [
        fail(
            f'Nothing can be kept in "{tmp_path / "state"}" (Not a directory), neither the history nor payments.',
            "Make it writable, or name another folder with IMG402_STATE_DIR.",
        )
    ]


async def test_a_state_folder_that_others_can_use_is_told(found, tmp_path):
    state = tmp_path / "state"
    History.open(state).close()
    assert told(await found("state")) == [("ok", f'"{state}" is writable')]
    state.chmod(0o777)
    (state / "ledger" / "ledger.db").chmod(0o644)
    assert told(await found("state")) == [
        ("warn", f'"{state}" may be written by others.'),
        ("warn", f'"{state / "ledger" / "ledger.db"}" may be read or written by others.'),
    ]


@pytest.mark.parametrize(("check", "file"), [("history", "ledger/ledger.db"), ("journal", "payments/journal.db")])
async def test_a_file_of_ours_is_opened_where_there_is_one(found, tmp_path, check, file):
    assert told(await found(check)) == [("ok", "none yet")]
    assert not (tmp_path / "state").exists()
    (tmp_path / "state" / file).parent.mkdir(parents=True)
    (tmp_path / "state" / file).write_text("no database, but long enough to be read as one" * 99)
    ((level, said),) = told(await found(check))
    assert (level, "could not be opened" in said) == ("fail", True)


async def test_a_ledger_that_can_be_opened_is_well(found, tmp_path):
    with closing(History.open(tmp_path / "state")):
        assert await found("history") == [ok("can be opened")]
    assert await found("history", IMG402_HISTORY="off") == [ok("switched off")]


# The network


@pytest.mark.parametrize(
    ("answers", "level", "said"),
    [
        pytest.param([(LIMITS, 200)], "ok", "answers: free up to 1,000,000 bytes, kept 7 days", id="limits"),
        pytest.param([(API, 200)], "ok", "answers; it states no limits of its own", id="described"),
        pytest.param([({}, 404), ({}, 405)], "ok", "answers; it states no limits of its own", id="not-described"),
        pytest.param([({}, 404), ({}, 404)], "fail", "there seems to be no img402 API", id="other-server"),
        pytest.param([({}, 301), ({}, 301)], "fail", "answers with a redirect (status 301)", id="moved"),
        pytest.param([({}, 502), ({}, 502)], "fail", "fails on its own side (status 502)", id="broken"),
        pytest.param([None], "fail", "broke off the connection", id="no-answer"),
    ],
)
async def test_the_api_is_asked_and_judged(found, peers, answering, answers, level, said):
    peer = await peers(*(answer and answering(answer[0], answer[1]) for answer in answers))
    (finding,) = await found("api", IMG402_API_URL=peer.url)
    assert finding.level == level
    assert said in finding.said
    assert {request.partition(b" ")[0] for request in peer.requests} == {b"GET"}


async def test_an_api_that_cannot_be_reached_is_told(found):
    (finding,) = await found("api", IMG402_API_URL=NOWHERE)
    assert finding.level == "fail"
    assert finding.said.startswith("127.0.0.1:9 could not be reached")


@pytest.mark.parametrize(
    ("behind", "age", "wallet", "level"),
    [
        pytest.param(0, 0, "", "ok", id="right"),
        pytest.param(3600, 3600, "", "ok", id="from-a-cache"),
        pytest.param(300, 0, "", "warn", id="ahead"),
        pytest.param(-300, 0, "", "warn", id="behind"),
        pytest.param(-300, 0, KEY, "fail", id="behind-and-a-wallet"),
    ],
)
async def test_the_clock_is_compared_with_the_apis(found, peers, answering, behind, age, wallet, level):
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=behind), usegmt=True)
    peer = await peers(answering({}, 200, Date=date, Age=str(age)))
    (finding,) = await found("clock", IMG402_API_URL=peer.url, IMG402_WALLET_KEY=wallet)
    assert finding.level == level
    assert (finding.level == "ok") == ("clock is 30" not in finding.said and "clock is 29" not in finding.said)


@pytest.mark.parametrize(
    ("environ", "level", "said"),
    [
        pytest.param({}, "ok", "no proxy is set", id="none"),
        pytest.param(
            {"HTTPS_PROXY": "http://ann:secret@proxy.example:3128"},
            "ok",
            'HTTPS_PROXY leads through "http://proxy.example:3128"',
            id="without-its-password",
        ),
        pytest.param({"https_proxy": "proxy:3128"}, "ok", 'https_proxy leads through "http://proxy:3128"', id="bare"),
        pytest.param({"ALL_PROXY": "ftp://x"}, "fail", "ALL_PROXY is no address of a proxy.", id="scheme"),
        pytest.param({"HTTP_PROXY": "http://x:99999"}, "fail", "HTTP_PROXY is no address of a proxy.", id="port"),
        pytest.param(
            {"SSL_CERT_FILE": "/nowhere"}, "fail", 'SSL_CERT_FILE names "/nowhere", which is not there.', id="certs"
        ),
    ],
)
async def test_proxies_and_certificates_are_looked_at(found, environ, level, said):
    assert told(await found("proxy", **environ)) == [(level, said)]


async def test_a_node_of_another_chain_is_told_without_its_address(found, peers, answering):
    peer = await peers(answering({"jsonrpc": "2.0", "id": 1, "result": "0x1"}))
    (finding,) = await found("rpc", IMG402_RPC_URL=f"{peer.url}/secret")
    assert finding == fail("The RPC node serves chain 1, not base, which is 8453.", finding.fix)


async def test_a_node_that_answers_is_well(found, peers, answering):
    results = ("0x2105", {"number": "0x1", "timestamp": "0x66"}, "0x0")
    peer = await peers(*(answering({"jsonrpc": "2.0", "id": 1, "result": result}) for result in results))
    assert await found("rpc", IMG402_RPC_URL=peer.url) == [ok("the RPC node answers for base")]


async def test_other_apis_are_asked_without_their_secrets(found, peers, answering):
    io42, studio = await peers(answering({}, 404)), await peers(answering({}, 503))
    assert told(await found("io42", IMG402_IO42_KEY="secret", IMG402_IO42_URL=io42.url)) == [
        ("ok", f"{io42.url} answers")
    ]
    assert told(await found("studio", IMG402_STUDIO_TOKEN="secret", IMG402_STUDIO_URL=studio.url)) == [
        ("warn", f"{studio.url} fails on its own side (status 503).")
    ]
    assert b"secret" not in io42.requests[0] + studio.requests[0]


# Money


async def test_a_wallet_that_does_not_open_and_that_others_can_read_is_told(found, tmp_path):
    keystore, password = tmp_path / "wallet.json", tmp_path / "password"
    keystore.write_text("[]")
    password.write_text("open sesame")
    findings = await found("wallet", IMG402_WALLET_FILE=str(keystore), IMG402_WALLET_PASSWORD_FILE=str(password))
    assert told(findings) == [
        ("fail", f'"{keystore}" is no keystore: it holds no JSON object.'),
        ("warn", f'"{keystore}" may be read or written by others.'),
        ("warn", f'"{password}" may be read or written by others.'),
    ]


@pytest.mark.parametrize(
    ("most", "daily", "said"),
    [
        pytest.param("0.01", "1", "at most 0.01 USDC a payment and 1 in 24 hours", id="sane"),
        pytest.param("0.50", "0.10", "The daily budget (0.1 USDC) is below the most for one payment.", id="swapped"),
        pytest.param("0.001", "1", "One payment may cost 0.001 USDC, and an upload costs 0.01.", id="too-little"),
        pytest.param("0.01", "10000", "More than 10 USDC may be spent in a day.", id="atomic-units"),
    ],
)
async def test_a_budget_that_nobody_meant_is_told(found, most, daily, said):
    budget = {"IMG402_MAX_PAYMENT": most, "IMG402_DAILY_BUDGET": daily}
    (finding,) = await found("budget", IMG402_WALLET_KEY=KEY, **budget)
    assert finding.said == said
    assert await found("budget", **budget) == []


# Programs


async def test_this_python_can_make_an_image_smaller(found):
    assert await found("fitting") == [ok("works (png 4 kB -> png 1 kB, lossless)")]


# Agents


async def test_an_agents_program_that_is_not_there_is_told(found, tmp_path):
    (tmp_path / "here" / ".mcp.json").write_text(servers("/nowhere/img402-mcp"))
    (finding,) = await found("agents")
    where = f'Claude Code\'s "{tmp_path}/here/.mcp.json", server "img402"'
    assert finding == fail(
        f'{where}: "/nowhere/img402-mcp" is no program that is there.', "Name the program that `which` tells."
    )


@pytest.mark.parametrize(
    ("file", "key", "command", "level"),
    [
        pytest.param(".mcp.json", "mcpServers", sys.executable, "ok", id="absolute"),
        pytest.param(".mcp.json", "mcpServers", "./img402-mcp", "fail", id="relative"),
        pytest.param(".mcp.json", "mcpServers", "img402-no-such", "fail", id="not-in-the-path"),
        pytest.param(".mcp.json", "mcpServers", "sh", "ok", id="in-the-path-of-a-shell"),
        pytest.param(".cursor/mcp.json", "mcpServers", "sh", "warn", id="in-a-path-that-a-window-may-not-see"),
        pytest.param(".vscode/mcp.json", "servers", "./img402-mcp", "fail", id="vs-code"),
    ],
)
async def test_the_command_of_an_agent_is_looked_at(found, tmp_path, file, key, command, level):
    path = tmp_path / "here" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(servers(command, key=key))
    assert [each.level for each in await found("agents")] == [level]


async def test_claude_desktop_is_found_in_the_home_folder(found, tmp_path):
    for folder in (".config/Claude", "Library/Application Support/Claude"):
        (tmp_path / "home" / folder).mkdir(parents=True)
        (tmp_path / "home" / folder / "claude_desktop_config.json").write_text(servers("./img402-mcp"))
    assert [each.level for each in await found("agents")] == ["fail", "fail"]


async def test_the_variables_in_an_agents_configuration_are_read_too(found, tmp_path):
    environ = {"IMG402_API_ULR": "secret1", "IMG402_MAX_PAYMENT": "secret2", "IMG402_WALLET_KEY": "${KEY}"}
    (tmp_path / "here" / ".mcp.json").write_text(servers(sys.executable, env=environ))
    findings = await found("agents")
    assert [each.level for each in findings] == ["ok", "fail", "fail"]
    assert findings[2].said.endswith("did you mean IMG402_API_URL?")
    assert "secret1" not in str(findings)


@pytest.mark.parametrize(("file", "level"), [(".mcp.json", "fail"), (".vscode/mcp.json", "warn")])
async def test_a_configuration_that_is_no_json_is_told_with_its_line(found, tmp_path, file, level):
    path = tmp_path / "here" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text('{\n  "token": "secret"\n  // a comment\n}')
    (finding,) = await found("agents")
    assert finding.level == level
    assert finding.said.endswith(f'{file}" is no plain JSON (line 3).')


async def test_servers_of_others_are_none_of_our_business(found, tmp_path):
    (tmp_path / "here" / ".mcp.json").write_text(json.dumps({"mcpServers": {"other": {"command": "./x"}, "odd": 7}}))
    assert told(await found("agents")) == [("ok", "none of Claude Code starts img402-mcp")]


def servers(command: str, key: str = "mcpServers", env: dict[str, str] | None = None) -> str:
    return json.dumps({key: {"img402": {"command": command, "args": [], "env": env or {}}}})


# All of it


async def test_a_check_that_hangs_or_breaks_hides_none_of_the_others(tmp_path):
    async def hangs(_):
        await anyio.sleep_forever()

    async def breaks(_):
        raise RuntimeError("a secret")

    async def works(_):
        return [ok("well")]

    checks = {"hangs": hangs, "breaks": breaks, "works": works}
    assert await examined({}, tmp_path, tmp_path, checks, within=0.05) == {
        "hangs": [fail("It did not end within 0.05 s.", "Look whether the disk or the network hangs.")],
        "breaks": [fail("The check itself broke (RuntimeError).", "Please report it.")],
        "works": [ok("well")],
    }


def doctor(*flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "img402_mcp", "doctor", *flags]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_the_whole_is_one_line_for_each_finding_and_shows_no_secret(tmp_path):
    (tmp_path / "shots").mkdir()
    secrets = {
        "IMG402_WALLET_KEY": KEY,
        "IMG402_IO42_KEY": "io42-secret",
        "IMG402_STUDIO_TOKEN": "studio-secret",
        "IMG402_SERVE_TOKEN": "serve-secret-of-some-length",
        "IMG402_RPC_URL": f"{NOWHERE}/rpc-secret",
        "HTTPS_PROXY": "http://ann:proxy-secret@127.0.0.1:9",
        "IMG402_QQQQ": "unknown-secret",
    }
    plain = {
        "HOME": str(tmp_path),
        "IMG402_API_URL": NOWHERE,
        "IMG402_ALLOW_DIRS": str(tmp_path / "shots"),
        "IMG402_IO42_URL": NOWHERE,
        "IMG402_STATE_DIR": str(tmp_path / "state"),
        "IMG402_STUDIO_URL": NOWHERE,
    }
    done = doctor(**plain, **secrets)
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    levels = {name: level for level, name, _ in lines}
    assert (done.returncode, done.stderr) == (1, "")
    assert {name for name, level in levels.items() if level == "fail"} == {"api", "rpc", "io42", "studio"}
    assert levels["server"] == "ok"
    assert not re.search(rf"{KEY[2:]}|secret", done.stdout)
    assert not (tmp_path / "state").exists()


def test_json_says_the_same(tmp_path):
    done = doctor("--json", HOME=str(tmp_path), IMG402_API_URL="x", IMG402_ALLOW_DIRS="/nowhere")
    findings = json.loads(done.stdout)
    assert done.returncode == 1
    assert findings[0] == {
        "check": "settings",
        "level": "fail",
        "said": 'IMG402_API_URL "x" is no http(s) address, such as https://img402.dev.',
        "fix": "",
    }
    assert {each["check"] for each in findings} >= {"settings", "folders", "python", "fitting", "agents"}
