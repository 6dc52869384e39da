"""Paths to paste: what each shell makes of the words is what was meant."""

import shlex
import subprocess
import sys

import pytest

from img402_mcp.cli.shell_words import lines_to_paste

PATHS = [
    pytest.param("shots/a.png", id="plain"),
    pytest.param("a b.png", id="space"),
    pytest.param("it's & that (1), [x] {y}.png", id="marks"),
    pytest.param("50%.png", id="percent"),
    pytest.param("a%20b%20c.png", id="percent-signs"),
    pytest.param("$HOME `x`.png", id="dollar"),
    pytest.param("-r.png", id="dash"),
    pytest.param("@a;b^c!d=e+f~g#.png", id="more-marks"),
    pytest.param("Café \u202f\u201cx\u201d \u2018y\u2019.png", id="typographers-quotes"),
]


@pytest.mark.parametrize("path", PATHS)
def test_sh_reads_the_path_that_was_meant(path):
    (line,) = lines_to_paste("To retry", [path, "b.png"], windows=False)
    if path.isprintable():
        assert shlex.split(line.removeprefix("To retry: ")) == [path, "b.png"]


@pytest.mark.parametrize(
    ("path", "powershell", "cmd"),
    [
        pytest.param(r"C:\shots\a-1.png", r"C:\shots\a-1.png", r"C:\shots\a-1.png", id="plain"),
        pytest.param("a b.png", '"a b.png"', '"a b.png"', id="space"),
        pytest.param("a,b.png", '"a,b.png"', '"a,b.png"', id="comma"),
        pytest.param("-a.png", '"-a.png"', '"-a.png"', id="dash"),
        pytest.param("it's.png", '"it\'s.png"', '"it\'s.png"', id="apostrophe"),
        pytest.param("$x.png", "'$x.png'", '"$x.png"', id="dollar"),
        pytest.param("`x'.png", "'`x''.png'", '"`x\'.png"', id="backquote-and-apostrophe"),
        pytest.param("\u201cx\u201d.png", "'\u201cx\u201d.png'", '"\u201cx\u201d.png"', id="typographers-quotes"),
        pytest.param("a%20b%.png", '"a%20b%.png"', '"a%20b%.png"', id="percent"),
        pytest.param("a%PATH%.png", '"a%PATH%.png"', '"a"^%"PATH"^%".png"', id="variable"),
        pytest.param("a%PATH:~1%.png", '"a%PATH:~1%.png"', '"a"^%"PATH:~1"^%".png"', id="part-of-a-variable"),
        pytest.param("a\x1b[31m.png", '"a\\x1b[31m.png"', '"a\\x1b[31m.png"', id="escape"),
    ],
)
def test_powershell_and_cmd_get_what_they_read(path, powershell, cmd):
    lines = [*lines_to_paste("To retry", [path], windows=True)]
    same = [f"To retry: {cmd}"]
    assert lines == (
        same if cmd == powershell else [f"To retry in PowerShell: {powershell}", f"To retry in cmd: {cmd}"]
    )


@pytest.mark.skipif(sys.platform != "win32", reason="cmd is a shell of Windows")
@pytest.mark.parametrize("path", PATHS)
def test_cmd_itself_reads_the_path_that_was_meant(path, tmp_path):
    """Fed as if it were typed: a file of commands would read `%` in another way."""
    if not path.isascii():
        pytest.skip("what is typed here has the code page of the console")
    *_, line = lines_to_paste("To retry", [path], windows=True)
    show = tmp_path / "show.py"
    show.write_text("import sys; print(ascii(sys.argv[1:]))", encoding="utf-8")
    typed = f'"{sys.executable}" "{show}" {line.partition(": ")[2]}\r\n'
    shown = subprocess.run(["cmd", "/q"], input=typed.encode(), capture_output=True, check=True, timeout=60).stdout
    assert ascii([path]) in shown.decode()
