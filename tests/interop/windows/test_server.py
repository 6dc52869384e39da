"""The MCP server on Windows: its bytes, every spelling of a path, what is refused, and no network share touched."""

import json
import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.interop.windows.build import python, wine
from tests.interop.windows.machine import HELLO, Agent, Machine

Reading = Callable[..., AbstractContextManager[None]]
OUTSIDE = "is not inside an allowed folder"
SHORT_NAME = "import ctypes, sys; text = ctypes.create_unicode_buffer(300); "
SHORT_NAME += "ctypes.windll.kernel32.GetShortPathNameW(sys.argv[1], text, 300); print(text.value)"


def test_the_tools_are_listed_and_each_message_is_one_line(agent: Agent):
    names = [tool["name"] for tool in agent.ask("tools/list", {})["tools"]]
    assert names == [
        "upload_free",
        "upload_batch",
        "publish_markdown",
        "find_uploads",
        "upload_with_token",
        "get_upload_token",
        "limits",
    ]
    assert [line[-2:] for line in agent.lines if not line.endswith(b"}\n")] == []


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(r"C:\shots\a.png", id="plain"),
        pytest.param("C:/shots/a.png", id="slashes"),
        pytest.param(r"C:/shots\sub/..\a.png", id="mixed-and-up"),
        pytest.param(r"c:\SHOTS\A.PNG", id="case"),
        pytest.param("file:///C:/shots/a.png", id="file-url"),
        pytest.param("file://C:/shots/a.png", id="file-url-with-two-slashes"),
        pytest.param("file://localhost/c:/shots/%61.png", id="file-url-localhost"),
        pytest.param("a.png", id="relative"),
        pytest.param(r".\sub\b.png", id="relative-below"),
        pytest.param(r"\shots\a.png", id="from-the-drives-root"),
        pytest.param("C:a.png", id="relative-to-the-drive"),
        pytest.param(r"\\?\C:\shots\a.png", id="long-path"),
        pytest.param(r"\\.\C:\shots\a.png", id="device-path-of-a-drive"),
        pytest.param("C:\\shots\\\u00e4\u2603.png", id="umlaut-and-snowman"),
        pytest.param('"C:\\shots\\a.png"', id="quoted"),
    ],
)
def test_a_path_is_uploaded_however_it_is_spelled(agent: Agent, path: str):
    result = agent.call("upload_free", path=path)
    assert (result["isError"], result["structuredContent"]["content_type"]) == (False, "image/png"), result


def test_a_short_name_of_old_is_the_same_file(agent: Agent, windows: Machine):
    long = r"C:\shots\Screenshot with a long name.png"
    short = windows.run("-c", SHORT_NAME, long, module=False).stdout.decode().strip()
    assert "~" in short
    assert agent.call("upload_free", path=short)["isError"] is False


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(r"C:\secret\a.png", id="outside"),
        pytest.param(r"C:\secret\none.png", id="outside-and-missing"),
        pytest.param(r"C:\shots-evil\a.png", id="prefix-twin"),
        pytest.param(r"C:\shots\..\secret\a.png", id="up"),
        pytest.param("../secret/a.png", id="relative-up"),
        pytest.param("file:///C:/shots/%2e%2e/secret/a.png", id="file-url-up"),
        pytest.param(r"D:\shots\a.png", id="other-drive"),
        pytest.param("Z:/etc/passwd", id="drive-z"),
        pytest.param(r"\\evil-host\share\a.png", id="share"),
        pytest.param("//evil-host/share/a.png", id="share-in-slashes"),
        pytest.param(r"\/evil-host\share\a.png", id="share-mixed"),
        pytest.param(r"\\?\UNC\evil-host\share\a.png", id="share-as-long-path"),
        pytest.param(r"\\.\UNC\evil-host\share\a.png", id="share-as-device"),
        pytest.param(r"\\?\GLOBALROOT\Device\Mup\evil-host\share\a.png", id="share-by-the-kernels-name"),
        pytest.param(r"\\evil-host@SSL\DavWWWRoot\a.png", id="share-by-webdav"),
        pytest.param(r"\\.\pipe\x", id="pipe"),
        pytest.param(r"\\.\PhysicalDrive0", id="disk"),
    ],
)
def test_what_is_outside_gets_one_sentence(agent: Agent, path: str):
    assert OUTSIDE in agent.refused("upload_free", path=path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("file://evil-host/share/a.png", "another host", id="file-url-of-a-host"),
        pytest.param(r"C:\shots\NUL", "device", id="nul"),
        pytest.param(r"C:\shots\con.png", "device", id="con"),
        pytest.param(r"C:\shots\COM1.png", "device", id="com1"),
        pytest.param("C:\\shots\\lpt\u00b2.png", "device", id="lpt-superscript"),
        pytest.param("aux", "device", id="aux"),
        pytest.param(r"C:\shots\a.png:x", "stream", id="stream"),
        pytest.param(r"C:\shots\a.png::$DATA", "stream", id="stream-of-the-data"),
        pytest.param(r"C:\shots\a.png.", "ends in a dot", id="trailing-dot"),
        pytest.param(r"C:\shots.\a.png", "ends in a dot", id="folders-trailing-dot"),
        pytest.param(r"\\?\C:\shots\a.png.", "ends in a dot", id="long-path-with-a-trailing-dot"),
        pytest.param(r"C:\shots\none.png", "does not exist", id="missing"),
        pytest.param(r"C:\shots", "is a folder", id="folder"),
    ],
)
def test_what_windows_reads_otherwise_is_refused(agent: Agent, path: str, said: str):
    assert said in agent.refused("upload_free", path=path)


def test_patterns_find_files_and_a_batch_names_what_failed(agent: Agent):
    result = agent.call("upload_batch", paths=[r"C:\shots\**\*.PNG", r"C:\shots\none.png", r"\\evil-host\share\*.png"])
    found = result["structuredContent"]
    assert [Path(each["path"].replace("\\", "/")).name for each in found["uploads"]] == [
        "a.png",
        "Screenshot with a long name.png",
        "b.png",
        "\u00e4\u2603.png",
    ]
    assert [each["path"] for each in found["failures"]] == [r"\\evil-host\share\*.png", r"C:\shots\none.png"]


def test_a_document_is_published_and_its_copy_is_written_where_a_copy_may_be(agent: Agent, shots: Path):
    (shots / "docs" / "guide.md").write_text("# G\n\n![a](../a.png)\n", encoding="utf-8", newline="")
    result = agent.call("publish_markdown", path=r"docs\guide.md", out=r"\\?\C:\shots\docs\copy.md")
    assert result["isError"] is False, result
    copy = (shots / "docs" / "copy.md").read_bytes().decode()
    assert (copy.startswith("# G\n\n![a](http://127.0.0.1:"), "\r" in copy) == (True, False)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        pytest.param(r"evil.bat:x.md", "stream", id="stream"),
        pytest.param(r"nul.md", "device", id="device"),
        pytest.param("docs./x.md", "dot", id="folders-trailing-dot"),
        pytest.param(r"\\?\C:\shots\docs.\x.md", "dot", id="long-path-with-a-trailing-dot"),
        pytest.param(r"\\.\pipe\x.md", "device path", id="pipe"),
        pytest.param(r"none\x.md", "is in a folder that does not exist", id="no-such-folder"),
        pytest.param(r"\\evil-host\share\x.md", OUTSIDE, id="share"),
        pytest.param(r"C:\secret\x.md", OUTSIDE, id="outside"),
        pytest.param(r"docs\claude.md", "instructions", id="what-agents-obey"),
        pytest.param(r"docs\CLAUDE~1.md", "short name", id="short-name"),
    ],
)
def test_a_copy_is_refused_before_anything_is_sent(agent: Agent, shots: Path, out: str, said: str):
    (shots / "docs" / "guide.md").write_text("![a](../a.png)\n", encoding="utf-8")
    assert said in agent.refused("publish_markdown", path=r"docs\guide.md", out=out)
    assert not (shots / "evil.bat").exists()


def test_an_image_over_the_limit_is_made_smaller_by_the_worker(agent: Agent, shots: Path):
    from PIL import Image  # noqa: PLC0415  # to draw one

    Image.linear_gradient("L").resize((1200, 1200)).save(shots / "large.png", compress_level=0)
    result = agent.call("upload_free", path="large.png")
    (shots / "large.png").unlink()
    assert (result["isError"], "lossless" in result["structuredContent"]["done"]) == (False, True), result


def test_limits_name_the_folder_and_why_it_may_be_read(agent: Agent):
    found = agent.call("limits")["structuredContent"]
    assert (found["allowed_dirs"], found["allowed_because"], found["working_dir"]) == (
        [r"C:\shots"],
        ["named by IMG402_ALLOW_DIRS"],
        r"C:\shots",
    )


SHARES = [
    r"\\evil-host\share\x",
    "//evil-host/share/x.png",
    r"\\?\UNC\evil-host\share\x",
    r"\??\UNC\evil-host\share\x",
    "file://evil-host/share/x",
]


SHARE = re.compile(
    rb'L"(?:(?:\\{2,4}|//)[?.]{1,2}(?:\\\\|/)UNC(?:\\\\|/)|\\{4}|//|\\\\/|/\\\\)evil-host', re.IGNORECASE
)
"""In Wine's trace of the files that were asked for, where a backslash is written twice; `C:\\evil-host` is no share."""


def touched(log: bytes) -> set[bytes]:
    return {*SHARE.findall(log)}


def test_no_argument_touches_a_network_share(windows: Machine, reading: Reading):
    trace = {"WINEDEBUG": "+file"}
    for share in SHARES[:3]:
        probe = windows.run("-c", f"import os; os.path.exists({share!r})", module=False, env=trace)
        assert touched(probe.stderr), "the trace shows no share, so it would not show one of ours either"
    with windows.server(reading, env=trace) as agent:
        for share in SHARES:
            agent.call("find_uploads", query=share)
            agent.call("upload_free", path=share)
            agent.call("upload_batch", paths=[share, f"{share}/*.png"])
            agent.call("publish_markdown", path=share)
            agent.call("publish_markdown", path=r"C:\shots\docs\guide.md", out=f"{share}.md")
        log = b"".join(agent.log)
    assert b"shots" in log
    assert touched(log) == set()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["upload", "{share}"], id="upload"),
        pytest.param(["upload", "{share}/*.png"], id="upload-pattern"),
        pytest.param(["publish", "{share}.md"], id="publish"),
        pytest.param(["publish", r"C:\shots\docs\guide.md", "--out", "{share}.md"], id="publish-out"),
        pytest.param(["history", "{share}"], id="history"),
        pytest.param(["history", "--forget", "{share}"], id="history-forget"),
        pytest.param(["delete", "{share}"], id="delete"),
        pytest.param(["renew", "--in", "{share}.md"], id="renew-in"),
        pytest.param(["wallet", "new", "{share}.json"], id="wallet-new"),
        pytest.param(["wallet", "import", "{share}.json"], id="wallet-import"),
        pytest.param(["allow", "{share}"], id="allow"),
        pytest.param(["allow", "--remove", "{share}"], id="allow-remove"),
    ],
)
def test_no_command_touches_a_network_share(windows: Machine, words: list[str], share: str):
    given = [word.format(share=share) for word in words]
    done = windows.run(*given, given=b"a\nb\n", env={"WINEDEBUG": "+file", "IMG402_WALLET_PASSWORD": "x"})
    assert (b"img402_mcp" in done.stderr, touched(done.stderr)) == (True, set())


def test_the_end_of_the_input_is_waited_for_and_ends_the_server(windows: Machine):
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "upload_free", "arguments": {"path": r"C:\shots\a.png"}},
        },
    ]
    done = windows.run(given=b"".join(json.dumps(each).encode() + b"\r\n" for each in messages))
    lines = done.stdout.split(b"\n")
    assert (done.returncode, [json.loads(line)["id"] for line in lines[:-1]], lines[-1]) == (0, [1, 2], b"")
    assert b"\r" not in done.stdout


def test_the_person_is_asked_for_the_folder_of_the_first_image(windows: Machine, reading: Reading):
    with windows.server(reading, env={"IMG402_ALLOW_DIRS": ""}) as agent:
        agent.answers = [{"action": "accept", "content": {"allow": True}}]
        result = agent.call("upload_free", path=r"C:\secret\a.png")
        refused = agent.refused("upload_free", path=r"C:\Windows\System32\a.png")
    assert (result["isError"], len(agent.questions)) == (False, 1), result
    assert agent.questions[0].startswith(r'Allow uploads from "C:\secret"?')
    assert OUTSIDE in refused


def test_a_file_that_another_program_holds_open_is_named_as_such(windows: Machine, agent: Agent):
    holding = "import _winapi, sys; _winapi.CreateFile(sys.argv[1], 0x80000000, 0, 0, 3, 0, 0); print(1, flush=True); "
    holding += "sys.stdin.read()"
    with subprocess.Popen(
        [*python(windows.folder), "-c", holding, r"C:\shots\sub\b.png"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=wine(windows.folder),
    ) as holder:
        assert holder.stdout.readline()
        said = agent.refused("upload_free", path=r"C:\shots\sub\b.png")
        holder.stdin.close()
        holder.wait(600)
    assert "is held open by another program" in said
