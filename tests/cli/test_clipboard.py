"""The clipboard: doubles of its programs, and the real xclip on a screen of its own where both are installed."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from img402_mcp.cli import clipboard, main
from img402_mcp.errors import ReadRefused, SettingsError

PNG = (Path(__file__).parents[1] / "samples" / "plain.png").read_bytes()
MOST = 10_000


@pytest.fixture
def program(tmp_path) -> Callable[..., tuple[str, ...]]:
    """`program("print(1)")`: a command that runs that Python."""

    def command(code: str) -> tuple[str, ...]:
        return (sys.executable, "-c", code)

    return command


def offering(program: Callable[..., tuple[str, ...]], offered: dict[str, bytes], copied: Path | None = None):
    """What wl-paste and xclip do: list types, print one of them, take a text."""
    print_one = f"import sys; sys.stdout.buffer.write({offered!r}[sys.argv[1]])"
    take = f"import sys; open({str(copied)!r}, 'wb').write(sys.stdin.buffer.read())"
    return clipboard.Tools(program(print_one), program(take), program(f"print('\\n'.join({[*offered]!r}))"))


@pytest.mark.parametrize(
    ("offered", "best"),
    [
        pytest.param({"text/plain": b"x", "image/png": PNG}, PNG, id="png"),
        pytest.param({"image/bmp": b"bmp", "image/png": PNG, "image/jpeg": b"jpeg"}, PNG, id="the-best-of-several"),
        pytest.param({"TARGETS": b"", "image/bmp": b"bmp"}, b"bmp", id="what-there-is"),
        pytest.param({"text/uri-list": b"file:///a.png", "image/png": PNG}, PNG, id="pixels-beside-files"),
    ],
)
def test_the_pixels_are_taken(program, offered, best):
    assert clipboard.picture(MOST, offering(program, offered)) == best


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        pytest.param({"text/plain": b"a text"}, "The clipboard holds no picture", id="text"),
        pytest.param({}, "The clipboard holds no picture", id="empty"),
        pytest.param({"image/png": b""}, "The clipboard holds no picture", id="nothing-in-it"),
        pytest.param({"text/uri-list": b"file:///etc/a.png"}, "The clipboard holds files", id="files"),
        pytest.param({"image/png": b"x" * (MOST + 1)}, "holds more than 10,000 bytes", id="too-large"),
    ],
)
def test_what_is_no_picture_is_refused(program, offered, said):
    with pytest.raises(ReadRefused, match=said):
        clipboard.picture(MOST, offering(program, offered))


@pytest.mark.parametrize(
    ("code", "said"), [(3, "holds no picture"), (4, "holds files, not a picture"), (1, "holds no picture")]
)
def test_where_pillow_reads_it_its_answer_says_what_there_is(program, code, said):
    with pytest.raises(ReadRefused, match=said):
        clipboard.picture(MOST, clipboard.Tools(program(f"raise SystemExit({code})"), ()))


@pytest.mark.parametrize(
    ("environ", "system", "programs"),
    [
        pytest.param({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "linux", ("wl-paste", "wl-copy"), id="wayland"),
        pytest.param({"DISPLAY": ":0"}, "linux", ("xclip", "xclip"), id="x11"),
        pytest.param({}, "darwin", (sys.executable, "pbcopy"), id="macos"),
        pytest.param({}, "win32", (sys.executable, "clip"), id="windows"),
    ],
)
def test_each_system_has_its_programs(tmp_path, environ, system, programs):
    for name in ("wl-paste", "xclip"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o700)
    used = clipboard.tools(environ | {"PATH": str(tmp_path)}, system)
    assert (used.paste[0], used.copy[0]) == programs


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "There is no clipboard here"),
        ({"DISPLAY": ":0"}, "needs xclip, which is not installed: install xclip"),
        ({"WAYLAND_DISPLAY": "w"}, "needs wl-paste, which is not installed: install wl-clipboard"),
    ],
)
def test_what_is_missing_is_named(tmp_path, environ, said):
    with pytest.raises(SettingsError, match=said):
        clipboard.tools(environ | {"PATH": str(tmp_path)}, "linux")


def test_a_text_is_put_there(program, tmp_path):
    clipboard.put("![a](ü)", offering(program, {}, tmp_path / "copied"))
    assert (tmp_path / "copied").read_text() == "![a](ü)"


def test_a_program_that_fails_is_named(program):
    with pytest.raises(SettingsError, match="was not copied"):
        clipboard.put("x", clipboard.Tools((), program("raise SystemExit(1)")))


# The real one


@pytest.fixture
def screen(monkeypatch) -> Iterator[str]:
    """A screen of its own, without a window."""
    if not (shutil.which("Xvfb") and shutil.which("xclip")):
        pytest.skip("Xvfb or xclip is not installed")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "64x64x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as told:
            display = f":{told.readline().strip()}"
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        monkeypatch.setenv("DISPLAY", display)
        yield display
        server.terminate()


def put_image(kind: str, data: bytes) -> None:
    command = ["xclip", "-selection", "clipboard", "-t", kind, "-i"]
    subprocess.run(command, input=data, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until_offered(kind)


def until_offered(kind: str) -> None:
    """xclip comes back before the screen knows that it has something."""
    end = time.monotonic() + 20
    while kind.encode() not in pasted("TARGETS").split():
        assert time.monotonic() < end


def pasted(kind: str) -> bytes:
    command = ["xclip", "-selection", "clipboard", "-o", "-t", kind]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout


def test_a_screenshot_is_uploaded_and_its_markdown_is_on_the_clipboard(screen, api, capsys):
    put_image("image/png", PNG)
    assert main.run(["upload", "--clipboard", "--copy"]) == 0
    printed = capsys.readouterr().out
    until_offered("UTF8_STRING")
    assert printed == f"![screenshot]({api.url}/1.png)\n"
    assert pasted("UTF8_STRING").decode() == printed.rstrip("\n")
    assert api.sizes == [len(PNG)]


@pytest.mark.parametrize("kind", ["text/uri-list", "text/plain"])
def test_a_list_of_files_is_never_followed(screen, api, tmp_path, kind):
    (tmp_path / "a.png").write_bytes(PNG)
    put_image(kind, f"file://{tmp_path}/a.png".encode())
    with pytest.raises(ReadRefused, match="Nothing was sent"):
        main.run(["upload", "--clipboard"])
    assert api.sizes == []


def test_an_empty_clipboard_says_so(screen, api):
    with pytest.raises(ReadRefused, match="The clipboard holds no picture"):
        main.run(["upload", "--clipboard"])
