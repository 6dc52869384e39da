"""Which program the agents' configurations start, and with which variables."""

import json
import sys
from dataclasses import replace

import pytest

from img402_mcp.agents.table import known, of_client
from img402_mcp.doctor.finding import fail, warn


async def test_an_agents_missing_program_is_reported(found, tmp_path):
    (tmp_path / "here" / ".mcp.json").write_text(servers("/nowhere/img402-mcp"))
    (finding,) = await found("agents")
    where = f'Claude Code\'s "{tmp_path}/here/.mcp.json", server "img402"'
    assert finding == fail(
        f'{where}: "/nowhere/img402-mcp" does not exist.', "Name the path that `which img402-mcp` prints."
    )


@pytest.mark.parametrize(
    ("name", "said", "fix"),
    [
        pytest.param("uvx", "does not exist.", "Name the path that `which uvx` prints.", id="another-launcher"),
        pytest.param("folder", "is a folder.", "Name the program in it.", id="a-folder"),
        pytest.param("plain", "may not be run.", "Name a program, or make this file executable.", id="not-executable"),
    ],
)
async def test_why_a_program_cannot_be_started_is_said_with_the_fix_for_it(found, tmp_path, name, said, fix):
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").touch()
    (tmp_path / "here" / ".mcp.json").write_text(servers(str(tmp_path / name)))
    (finding,) = await found("agents")
    assert (
        finding.said.removeprefix(f'Claude Code\'s "{tmp_path}/here/.mcp.json", server "img402": '),
        finding.fix,
    ) == (
        f'"{tmp_path / name}" {said}',
        fix,
    )


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        pytest.param(b'{"a": "\xff"}', fail("is not UTF-8.", "Save it as UTF-8."), id="another-encoding"),
        pytest.param(
            b"[" * 200_000,
            warn("is nested too deep to be read here.", "Look for brackets that nothing closes."),
            id="deep",
        ),
    ],
)
async def test_a_configuration_that_cannot_be_read_is_said_with_its_own_reason(found, tmp_path, content, finding):
    file = tmp_path / "here" / ".mcp.json"
    file.write_bytes(content)
    said = f'Claude Code\'s "{file}" {finding.said}'
    assert await found("agents") == [replace(finding, said=said)]


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


@pytest.mark.parametrize("client", ["claude-desktop", "cursor", "vscode", "claude-code", "gemini"])
async def test_each_agent_is_found_in_the_home_folder(found, tmp_path, client):
    (config,) = of_client(client, known(tmp_path / "home", tmp_path / "here", {}), project=False)
    config.file.parent.mkdir(parents=True, exist_ok=True)
    config.file.write_text(servers("./img402-mcp", config.key))
    assert [each.level for each in await found("agents")] == ["fail"]


async def test_codex_has_its_servers_in_toml(found, tmp_path):
    file = tmp_path / "home" / ".codex" / "config.toml"
    file.parent.mkdir()
    file.write_text(f'[mcp_servers.img402]\ncommand = "{sys.executable}"\n')
    assert [each.level for each in await found("agents")] == ["ok"]
    file.write_text("[mcp_servers")
    (finding,) = await found("agents")
    assert (finding.level, finding.said.endswith("is not TOML.")) == ("fail", True)


async def test_the_variables_in_an_agents_configuration_are_read_too(found, tmp_path):
    environ = {"IMG402_API_ULR": "secret1", "IMG402_MAX_PAYMENT": "secret2", "IMG402_WALLET_KEY": "${KEY}"}
    (tmp_path / "here" / ".mcp.json").write_text(servers(sys.executable, env=environ))
    findings = await found("agents")
    assert [each.level for each in findings] == ["ok", "fail", "fail"]
    assert findings[2].said.endswith("did you mean IMG402_API_URL?")
    assert "secret1" not in str(findings)


@pytest.mark.parametrize(
    ("file", "more", "said"),
    [
        pytest.param(".mcp.json", "// a comment", "is not plain JSON (line 3)", id="comment"),
        pytest.param(".vscode/mcp.json", "// a comment\n}}", "is not JSON (line 4)", id="brace"),
    ],
)
async def test_invalid_json_in_a_configuration_is_reported_with_its_line(found, tmp_path, file, more, said):
    path = tmp_path / "here" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'{{\n  "token": "secret"\n  {more}\n}}')
    (finding,) = await found("agents")
    assert (finding.level, finding.said) == ("fail", f'{config_name(file)} "{path}" {said}.')


def config_name(file: str) -> str:
    return "VS Code's" if "vscode" in file else "Claude Code's"


async def test_comments_and_trailing_commas_hide_no_entry_of_vs_code(found, tmp_path):
    path = tmp_path / "here" / ".vscode" / "mcp.json"
    path.parent.mkdir()
    path.write_text('{"servers": {"img402": {"command": "./img402-mcp",}, /* } */ }}')
    assert [each.level for each in await found("agents")] == ["fail"]


async def test_an_agent_without_an_entry_is_a_reason_to_install(found, tmp_path):
    (tmp_path / "here" / ".mcp.json").write_text("{}")
    (finding,) = await found("agents")
    assert (finding.level, finding.fix) == ("ok", "`img402-mcp install` adds it to an agent.")


async def test_other_servers_are_ignored(levels_and_texts, tmp_path):
    (tmp_path / "here" / ".mcp.json").write_text(json.dumps({"mcpServers": {"other": {"command": "./x"}, "odd": 7}}))
    assert await levels_and_texts("agents") == [("ok", "none of Claude Code starts img402-mcp")]


def servers(command: str, key: str = "mcpServers", env: dict[str, str] | None = None) -> str:
    return json.dumps({key: {"img402": {"command": command, "args": [], "env": env or {}}}})
