"""The commands on Windows: keys and money, what goes into a pipe, the history, and what `doctor` says."""

import json

import pytest

from tests.fakes.keys import ADDRESS, KEY
from tests.interop.windows.build import CHECKOUT, on_drive_z
from tests.interop.windows.machine import Machine

PAYING = {"IMG402_NETWORKS": "base-sepolia", "IMG402_WALLET_PASSWORD": "p\u00e4ssword"}


def words(output: bytes) -> str:
    return " ".join(output.decode().split())


@pytest.fixture(scope="module")
def keystore(windows: Machine) -> str:
    path = windows.drive / "keys" / "wallet.json"
    done = windows.run("wallet", "import", windows.path(path), env=PAYING | {"IMG402_WALLET_KEY": KEY})
    assert (done.returncode, done.stdout.decode()) == (0, f"{ADDRESS}\n"), done.stderr
    return windows.path(path)


def test_a_new_key_is_made_once_whole_and_for_this_user_alone(windows: Machine):
    path = windows.drive / "keys" / "sub" / "new.json"
    first = windows.run("wallet", "new", windows.path(path), given="p\u00e4ssword\r\n".encode())
    assert (first.returncode, first.stdout[:2]) == (0, b"0x"), first.stderr
    again = windows.run("wallet", "new", windows.path(path), given=b"x\n")
    assert (again.returncode, "exists already" in again.stderr.decode()) == (2, True)
    assert [each.name for each in path.parent.iterdir()] == ["new.json"]
    asked = windows.run("wallet", "address", env=PAYING | {"IMG402_WALLET_FILE": windows.path(path)})
    assert asked.stdout == first.stdout, asked.stderr
    assert path.stat().st_mode & 0o007 == 0, "Wine makes the mode of the access control list"


def test_a_key_that_is_imported_has_its_address(windows: Machine, keystore: str):
    done = windows.run("wallet", "address", env=PAYING | {"IMG402_WALLET_FILE": keystore})
    assert (done.returncode, done.stdout.decode()) == (0, f"{ADDRESS}\n"), done.stderr


def test_a_paid_upload_pays_once_for_a_file(windows: Machine, keystore: str):
    paying = PAYING | {"IMG402_WALLET_FILE": keystore}
    (first,) = json.loads(windows.run("upload", "--paid", "--json", r"C:\shots\a.png", env=paying).stdout)
    (again,) = json.loads(windows.run("upload", "--paid", "--json", r"C:\shots\a.png", env=paying).stdout)
    assert (first["url"], again["url"], again["reused"]) == (first["url"], first["url"], True)
    status = windows.run("wallet", "status", env=paying)
    assert "0.01" in status.stdout.decode(), status.stderr


def test_what_goes_into_a_pipe_is_utf_8_with_plain_line_ends(windows: Machine):
    (windows.drive / "shots" / "docs" / "\u00fc.md").write_text(
        "\u2603 ![\u00e4](../\u00e4\u2603.png)\n", encoding="utf-8"
    )
    done = windows.run("publish", "--json", "C:\\shots\\docs\\\u00fc.md")
    found = json.loads(done.stdout.decode())
    assert found["text"].startswith("\u2603 ![\u00e4](http://127.0.0.1:")
    assert b"\r" not in done.stdout + done.stderr
    plain = windows.run("publish", "C:\\shots\\docs\\\u00fc.md")
    assert plain.stdout.decode() == found["text"]


def test_the_history_finds_a_file_by_any_part_of_its_path(windows: Machine):
    assert windows.run("upload", "--url", "C:\\shots\\\u00e4\u2603.png").returncode == 0
    (found,) = json.loads(windows.run("history", "--json", "\u00e4\u2603").stdout)
    assert found["path"] == "C:\\shots\\\u00e4\u2603.png"
    assert windows.run("history", r"\\evil-host\share\x.png").returncode == 1


def test_what_may_go_through_later_is_quoted_for_the_shells_there(windows: Machine):
    done = windows.run(
        "upload",
        r"C:\shots\Screenshot with a long name.png",
        r"C:\shots\a.png",
        env={"IMG402_API_URL": "http://127.0.0.1:9", "IMG402_HISTORY": "off"},
    )
    assert 'To retry: "C:\\shots\\Screenshot with a long name.png" C:\\shots\\a.png' in words(done.stderr)


def test_doctor_looks_at_everything_and_advises_no_modes(windows: Machine, keystore: str):
    done = windows.run("doctor", "--json", env=PAYING | {"IMG402_WALLET_FILE": keystore})
    found = json.loads(done.stdout)
    slow = "It did not end within"  # Wine takes seconds to start the programs that two checks start
    fails = [each["said"] for each in found if each["level"] == "fail" and not each["said"].startswith(slow)]
    assert fails == []
    assert [each for each in found if "chmod" in each["fix"]] == []
    assert [each for each in found if "wallet.json" in each["said"] and "others" in each["said"]] == []
    assert [each["said"].partition(" (")[0] for each in found if each["check"] == "folders"] == [r'"C:\shots"']


@pytest.mark.parametrize(
    "here",
    [
        pytest.param(".", id="drives-root"),
        pytest.param("windows/system32", id="system32"),
        pytest.param("users", id="users"),
    ],
)
def test_a_working_directory_that_is_too_wide_is_not_allowed(windows: Machine, here: str):
    done = windows.run("doctor", "--json", here=windows.drive / here, env={"IMG402_ALLOW_DIRS": ""})
    folders = [each["said"] for each in json.loads(done.stdout) if each["check"] == "folders"]
    assert folders
    assert [said for said in folders if "working directory" in said] == []


def test_a_user_without_a_home_gets_sentences(windows: Machine):
    """No variable names the profile, as for a service."""
    code = "import os, sys, runpy; [os.environ.pop(n, 0) for n in ('USERPROFILE', 'HOMEPATH', 'HOMEDRIVE', 'HOME')]; "
    code += "sys.argv[1:] = sys.argv[2:]; runpy.run_module('img402_mcp', run_name='__main__')"
    for command in (["doctor"], ["upload", r"~\a.png"], ["wallet", "new", r"~\k.json"], ["history"], []):
        done = windows.run("-c", code, *command, module=False, env={"IMG402_STATE_DIR": "", "IMG402_ALLOW_DIRS": ""})
        assert b"Traceback" not in done.stderr, (command, done.stderr)


def test_the_demonstration_runs(windows: Machine):
    done = windows.run(on_drive_z(CHECKOUT / "examples" / "demo.py"), module=False, seconds=3600)
    assert (done.returncode, "0.01 USDC of play money was spent" in words(done.stdout)) == (0, True), done.stderr


def test_install_gives_an_agents_cmd_file_each_word_as_it_is(windows: Machine):
    bin_folder = windows.drive / "bin"
    bin_folder.mkdir(exist_ok=True)
    (bin_folder / "codex.cmd").write_bytes(b"@echo off\r\necho %* > C:\\bin\\said.txt\r\n")
    (windows.drive / "shots" / "a b").mkdir(exist_ok=True)
    path = {"WINEPATH": r"C:\bin"}  # what Wine puts before its PATH
    done = windows.run("install", "codex", "--yes", "--allow-dir", r"C:\shots\a b", env=path)
    assert done.returncode == 0, done.stderr
    said = (bin_folder / "said.txt").read_text().split(" -- ")[0]
    assert said == r'mcp add img402 --env "IMG402_ALLOW_DIRS=C:\shots\a b"'
    (windows.drive / "shots" / "a & b").mkdir(exist_ok=True)
    done = windows.run("install", "codex", "--yes", "--allow-dir", r"C:\shots\a & b", env=path)
    assert (done.returncode, "would obey" in done.stderr.decode()) == (2, True)


def test_install_writes_a_projects_file_and_uninstall_gives_it_back(windows: Machine):
    project = windows.drive / "state" / "project"
    file = project / ".cursor" / "mcp.json"
    file.parent.mkdir(parents=True)
    before = b'{\r\n\t"mcpServers": {\r\n\t\t"x": {"url": "https://x"} // mine\r\n\t},\r\n}\r\n'
    file.write_bytes(before)
    done = windows.run("install", "cursor", "--project", "--yes", "--allow-dir", r"C:\shots", here=project)
    assert done.returncode == 0, done.stderr
    written = file.read_bytes()
    assert b'"IMG402_ALLOW_DIRS": "C:\\\\shots"\r\n' in written
    assert b'"https://x"}, // mine\r\n\t\t"img402": {\r\n' in written
    assert windows.run("uninstall", "cursor", "--project", "--yes", here=project).returncode == 0
    assert (file.read_bytes(), len([*file.parent.iterdir()])) == (before, 1)
