"""From a file to a file with our entry, and back: to the byte, or with a sentence that says why not."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from img402_mcp.agents.change import installing, uninstalling
from img402_mcp.agents.config_file import listed_servers
from img402_mcp.agents.entry import Entry
from img402_mcp.errors import SettingsError
from tests.fakes.posix import DEVICES, LINKS, MODES, link, pipe

ENTRY = Entry(("/opt/img402-mcp",), {"IMG402_ALLOW_DIRS": "/shots"})
FRESH = (
    '{\n  "mcpServers": {\n    "img402": {\n      "command": "/opt/img402-mcp",\n      "args": [],\n      "env": {\n'
    '        "IMG402_ALLOW_DIRS": "/shots"\n      }\n    }\n  }\n}\n'
)
OTHERS = '{\n  // mine\n  "mcpServers": {\n    "x": {"command": "x", "env": {"X_KEY": "sk-secret"}}, // x\n  },\n}\n'
CONTENTS = [
    pytest.param(None, id="missing"),
    pytest.param("", id="empty"),
    pytest.param(" \n", id="blank"),
    pytest.param("{}", id="no-members"),
    pytest.param('{"mcpServers": null}', id="null"),
    pytest.param('{"mcpServers": {}, "theme": "dark"}\n', id="no-servers"),
    pytest.param('{"mcpServers": {"img402": null}}', id="null-as-the-entry"),
    pytest.param(OTHERS, id="comments-and-commas"),
    pytest.param(OTHERS.replace("\n", "\r\n"), id="crlf"),
    pytest.param("\ufeff" + OTHERS, id="byte-order-mark"),
    pytest.param(OTHERS.replace("  ", "\t"), id="tabs"),
]


def content_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize("content", CONTENTS)
def test_uninstall_gives_back_what_install_found(config, content):
    agent = config(content)
    before = content_of(agent.file)

    installing(agent, ENTRY).carry_out()
    assert not installing(agent, ENTRY).is_needed
    backup = agent.file.with_name("mcp.json.before-img402")
    assert content_of(backup) == before
    uninstalling(agent).carry_out()

    assert content_of(agent.file) == before
    assert not backup.exists()
    assert not uninstalling(agent).is_needed


@pytest.mark.parametrize("content", CONTENTS)
def test_it_also_does_so_after_a_second_install_with_another_folder(config, content):
    agent = config(content)
    before = content_of(agent.file)
    for folder in ("/shots", "/more"):
        installing(agent, Entry(ENTRY.command, {"IMG402_ALLOW_DIRS": folder})).carry_out()
    uninstalling(agent).carry_out()
    assert content_of(agent.file) == before


def test_what_was_changed_since_stays_and_only_the_entry_goes(config):
    agent = config(OTHERS)
    installing(agent, ENTRY).carry_out()
    agent.file.write_text(agent.file.read_text().replace("// mine", "// and more"))
    uninstalling(agent).carry_out()
    assert agent.file.read_text() == OTHERS.replace("// mine", "// and more")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"env": {"IMG402_WALLET_KEY": "0xsecret"}}, id="key"),
        pytest.param({"env": {"OTHERS": "x"}}, id="variable-of-others"),
        pytest.param({"disabled": True}, id="member"),
        pytest.param({"env": ["x"]}, id="list-of-variables"),
    ],
)
@pytest.mark.parametrize("content", [None, "{}"], ids=["nothing-before", "file-before"])
def test_what_somebody_has_added_to_our_entry_is_in_the_backup_when_the_entry_goes(config, content, more):
    agent = config(content)
    entry = {"command": "/opt/img402-mcp", "args": [], **more}
    installing(agent, ENTRY).carry_out()
    text = json.dumps({"mcpServers": {"img402": entry}}, indent=2) + ("\n" if content is None else "")
    with_entry = text.encode()
    agent.file.write_bytes(with_entry)

    said = uninstalling(agent).carry_out()
    backup = agent.file.with_name("mcp.json.before-img402")
    assert (content_of(agent.file), backup.read_bytes()) == (content and content.encode(), with_entry)
    assert str(backup) in said


def test_a_new_file_holds_the_entry_alone(config):
    agent = config(None)
    change = installing(agent, ENTRY)
    assert change.carry_out() == f"{agent.file} was written."
    assert agent.file.read_text() == FRESH


def test_a_missing_folder_is_made(config, tmp_path):
    agent = replace(config(None), file=tmp_path / "a" / "b" / "mcp.json")
    installing(agent, ENTRY).carry_out()
    assert agent.file.read_text() == FRESH


def test_vs_code_reads_that_the_server_is_started(config):
    agent = replace(config('{"servers": {}}'), key="servers")
    installing(agent, Entry(("/opt/img402-mcp", "serve"))).carry_out()
    expected = '{"servers": {"img402": {"type": "stdio", "command": "/opt/img402-mcp", "args": ["serve"]}}}'
    assert agent.file.read_text() == expected


def test_an_entry_that_is_there_keeps_what_the_user_set(config):
    agent = config(
        '{"mcpServers": {"img402": {"disabled": true, "type": "sse", "args": ["-m", "old"], "command": "old", "env": '
        '{"IMG402_WALLET_KEY": "0xsecret", "IMG402_ALLOW_DIRS": "/old"}, "x": 1.50}}}'
    )
    change = installing(agent, Entry(("/opt/img402-mcp",)))
    assert change.lines == [
        '  "mcpServers":',
        '      "img402": {',
        '        "disabled": "…",',
        '  -     "type": "sse",',
        '  +     "type": "stdio",',
        '  -     "args": "…",',
        '  +     "args": [],',
        '  -     "command": "old",',
        '  +     "command": "/opt/img402-mcp",',
        '        "env": {',
        '          "IMG402_WALLET_KEY": "…",',
        '          "IMG402_ALLOW_DIRS": "/old"',
        "        },",
        '        "x": "…"',
        "      }",
    ]
    change.carry_out()
    assert agent.file.read_text() == (
        '{"mcpServers": {"img402": {"disabled": true, "type": "stdio", "args": [], "command": "/opt/img402-mcp", '
        '"env": {"IMG402_WALLET_KEY": "0xsecret", "IMG402_ALLOW_DIRS": "/old"}, "x": 1.50}}}'
    )


def test_folders_are_added_where_the_entry_has_no_variables(config):
    agent = config('{"mcpServers": {"img402": {"command": "/opt/img402-mcp", "env": null}}}')
    installing(agent, ENTRY).carry_out()
    assert agent.file.read_text() == (
        '{"mcpServers": {"img402": {"command": "/opt/img402-mcp", "env": {"IMG402_ALLOW_DIRS": "/shots"}}}}'
    )


def test_an_entry_without_arguments_needs_none(config):
    agent = config('{"mcpServers": {"img402": {"command": "/opt/img402-mcp"}}}')
    assert not installing(agent, Entry(("/opt/img402-mcp",))).is_needed


def test_only_our_own_lines_are_shown(config):
    agent = config('{"mcpServers":{"x":{"env":{"X_KEY":"sk-secret"}}},"theme":"private"}')
    for decide in (lambda: installing(agent, ENTRY), lambda: uninstalling(agent)):
        change = decide()
        assert "secret" not in str(change.lines)
        assert "private" not in str(change.lines)
        change.carry_out()


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        pytest.param('{\n  "a": 1\n  "b": 2\n}', {}, "line 3, column 3", id="broken"),
        pytest.param('{"a": 1} // x', {"comments": False}, "line 1, column 10", id="a-comment-in-plain-json"),
        pytest.param('\ufeff{"a" 1}', {}, "line 1, column 6", id="broken-behind-a-mark"),
        pytest.param("[]", {}, "line 1, column 1", id="list-at-the-top"),
        pytest.param('{"mcpServers": ["x"]}', {}, "line 1, column 16", id="list-of-servers"),
        pytest.param('{"mcpServers": {"img402": "x"}}', {}, "line 1, column 27", id="text-as-the-entry"),
        pytest.param('{"mcpServers": {"img402": {"env": []}}}', {}, "line 1, column 35", id="list-of-variables"),
        pytest.param('{"mcpServers": {}, "mcpServers": {}}', {}, "line 1, column 20", id="key-twice"),
        pytest.param('{"mcpServers": {"img402": {}, "img402": {}}}', {}, "line 1, column 31", id="entry-twice"),
        pytest.param("[" * 100_000, {}, "nested too deep", id="deep"),
        pytest.param(b'{"a": "\xff"}', {}, "not UTF-8 (byte 8)", id="bytes"),
        pytest.param("{}".encode("utf-16"), {}, "not UTF-8 (byte 1)", id="utf-16"),
        pytest.param(b" " * 5_000_001, {}, "more than 5,000,000 bytes", id="huge"),
        pytest.param('{"mcpServers": {"img402": {"url": "http://x"}}}', {}, "entry img402 with a URL", id="remote"),
    ],
)
def test_a_file_that_cannot_be_changed_is_named_and_stays(config, content, more, said):
    agent = config(content, **more)
    before = agent.file.read_bytes()
    with pytest.raises(SettingsError) as caught:
        installing(agent, ENTRY)
    assert said in str(caught.value)
    assert str(agent.file) in str(caught.value)
    assert (agent.file.read_bytes(), len([*agent.file.parent.iterdir()])) == (before, 1)


@pytest.mark.parametrize("content", ["[]", '{"mcpServers": []}', "{}", ""], ids=["list", "servers", "none", "empty"])
def test_there_is_nothing_to_uninstall_from_a_file_without_servers(config, content):
    assert not uninstalling(config(content)).is_needed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param('{"mcpServers": {"img402": {}, "img402": {}}}', "line 1, column 31", id="entry-twice"),
        pytest.param('{"mcpServers": {}, "mcpServers": {"img402": {}}}', "line 1, column 20", id="servers-twice"),
        pytest.param('{"mcpServers": {"img402": {}}', "line 1, column 30", id="broken"),
    ],
)
def test_what_is_ambiguous_is_not_taken_out(config, content, said):
    agent = config(content)
    with pytest.raises(SettingsError, match=said):
        uninstalling(agent)
    assert agent.file.read_text() == content


def test_a_folder_whose_name_is_not_text_is_not_written(config):
    agent = config("{}")
    with pytest.raises(SettingsError, match="bytes that are not text"):
        installing(agent, Entry(ENTRY.command, {"IMG402_ALLOW_DIRS": "/shots/\udcff"}))
    assert agent.file.read_text() == "{}"


def test_a_folder_in_place_of_the_file_is_named(config):
    agent = config(None)
    agent.file.mkdir()
    with pytest.raises(SettingsError, match="it is a folder"):
        installing(agent, ENTRY)


@DEVICES
@pytest.mark.timeout(20)
def test_a_pipe_in_place_of_the_file_is_named_and_nobody_waits_for_it(config):
    agent = config(None)
    pipe(agent.file)
    assert listed_servers(agent) == {}
    with pytest.raises(SettingsError, match="it is not a regular file"):
        installing(agent, ENTRY)


@MODES
def test_a_read_only_file_stays(config):
    agent = config("{}")
    agent.file.chmod(0o444)
    with pytest.raises(SettingsError, match="it is read-only"):
        installing(agent, ENTRY)


@MODES
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660])
def test_the_file_and_its_backup_have_the_mode_of_before(config, mask, mode):
    agent = config(OTHERS)
    agent.file.chmod(mode)
    installing(agent, ENTRY).carry_out()
    assert [each.stat().st_mode & 0o777 for each in sorted(agent.file.parent.iterdir())] == [mode, mode]


@MODES
def test_a_new_file_is_for_its_owner_alone(config, mask):
    agent = config(None)
    installing(agent, ENTRY).carry_out()
    assert agent.file.stat().st_mode & 0o777 == 0o600


@LINKS
@pytest.mark.parametrize("content", ["{}", None], ids=["file", "nothing"])
def test_a_link_stays_a_link_and_what_it_leads_to_is_written(config, tmp_path, content):
    target = tmp_path / "dotfiles" / "cursor.json"
    target.parent.mkdir()
    agent = config(None)
    if content is not None:
        target.write_text(content)
    link(agent.file, str(target))

    installing(agent, ENTRY).carry_out()
    assert (agent.file.readlink(), "img402" in target.read_text()) == (target, True)
    assert [each.name for each in target.parent.iterdir()] == ["cursor.json"]
    uninstalling(agent).carry_out()
    assert (agent.file.readlink(), content_of(target)) == (target, content and content.encode())


@LINKS
def test_a_file_with_a_second_name_stays_since_the_other_would_keep_the_old_content(config, tmp_path):
    agent = config("{}")
    os.link(agent.file, tmp_path / "other.json")
    with pytest.raises(SettingsError, match="a hard link"):
        installing(agent, ENTRY)
    assert agent.file.samefile(tmp_path / "other.json")


@MODES
def test_a_backup_that_cannot_be_written_is_named_and_the_file_stays(config):
    agent = config("{}")
    backup = agent.file.with_name("mcp.json.before-img402")
    backup.mkdir()
    with pytest.raises(SettingsError, match=re.escape(f'its backup "{backup}" could not be written')):
        installing(agent, ENTRY).carry_out()
    assert agent.file.read_text() == "{}"


@LINKS
def test_a_link_to_itself_is_named(config):
    agent = config(None)
    link(agent.file, str(agent.file))
    with pytest.raises(SettingsError, match="cannot be changed"):
        installing(agent, ENTRY)


@pytest.mark.parametrize("content", ["{}", None], ids=["file", "nothing"])
def test_what_another_program_has_written_meanwhile_stays(config, content):
    agent = config(content)
    change = installing(agent, ENTRY)
    agent.file.write_text('{"theirs": 1}')
    with pytest.raises(SettingsError, match="was changed by another program meanwhile"):
        change.carry_out()
    assert agent.file.read_text() == '{"theirs": 1}'
    assert [each for each in agent.file.parent.iterdir() if each.suffix == ".unfinished"] == []


def test_a_file_that_was_to_go_and_was_changed_meanwhile_stays(config):
    agent = config(None)
    installing(agent, ENTRY).carry_out()
    change = uninstalling(agent)
    agent.file.write_text('{"theirs": 1}')
    with pytest.raises(SettingsError, match="was changed by another program meanwhile"):
        change.carry_out()
    assert agent.file.read_text() == '{"theirs": 1}'


@LINKS
@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_a_link_out_of_a_project_is_not_followed(config, tmp_path, folder):
    project, outside = tmp_path / "project", tmp_path / "outside"
    for each in (project, outside):
        each.mkdir()
    (outside / "mcp.json").write_text("{}")
    link(project / ".cursor" if folder else project / "mcp.json", str(outside if folder else outside / "mcp.json"))
    file = project / ".cursor" / "mcp.json" if folder else project / "mcp.json"
    with pytest.raises(SettingsError, match="leads out of the project"):
        installing(replace(config(None), file=file, project=project), ENTRY)
    assert (outside / "mcp.json").read_text() == "{}"


def test_another_entry_in_a_projects_file_is_not_built_upon(config, tmp_path):
    agent = config('{"mcpServers": {"img402": {"command": "x", "env": {"IMG402_API_URL": "http://evil"}}}}')
    with pytest.raises(SettingsError, match="may come from other people"):
        installing(replace(agent, project=tmp_path), ENTRY)


def test_a_long_command_and_marks_that_a_terminal_obeys_are_shown_as_data(config):
    agent = config('{"mcpServers": {"img402": {"command": "\\u001b[2J\u202e%s", "\u202e": 1}}}' % ("x" * 900))
    shown = "\n".join(uninstalling(agent).lines)
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert len(shown) < 500
