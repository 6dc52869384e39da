"""`img402-mcp upload`: what goes to stdout, what to stderr, how it ends."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import combinations, count
from pathlib import Path

import pytest
from PIL import Image

from img402_mcp.cli import main, upload
from img402_mcp.client.batch import AT_ONCE
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.http import Response
from img402_mcp.errors import SettingsError
from img402_mcp.mcp_server.results import UploadResult
from tests.fakes.posix import NAMES, PROCESSES, WORDS
from tests.fakes.september import September
from tests.fakes.serving import Hanging, on_a_socket, reply

SAMPLES = Path(__file__).parent.parent / "samples"
DAILY_LIMIT = reply(429, {"error": "daily_limit"})


@pytest.fixture
def shots(tmp_path, picture_of):
    """`shots("a", "b")` draws these pictures, each one different."""
    sizes = count(3)

    def draw(*names: str) -> list[str]:
        paths = [tmp_path / f"{name}.png" for name in names]
        for path in paths:
            path.write_bytes(picture_of(next(sizes), 2))
        return [str(path) for path in paths]

    return draw


@pytest.fixture
def command(capsys):
    def run(*arguments: str):
        code = main.run(["upload", *arguments])
        stderr = capsys.readouterr()
        return code, stderr.out, stderr.err

    return run


@pytest.mark.parametrize(
    ("flags", "printed"),
    [
        pytest.param([], "![a]({api}/1.png)\n", id="markdown"),
        pytest.param(["--markdown"], "![a]({api}/1.png)\n", id="markdown-by-name"),
        pytest.param(["--url"], "{api}/1.png\n", id="url"),
        pytest.param(["--width", "320"], '<img src="{api}/1.png" alt="a" width="320">\n', id="width"),
        pytest.param(["--pairs"], "|  |  |\n| --- | --- |\n| ![a]({api}/1.png) |  |\n", id="pairs"),
    ],
)
def test_stdout_holds_only_what_is_to_be_pasted(api, shots, command, flags, printed):
    paths = shots("a")
    assert command(*flags, *paths) == (0, printed.format(api=api.url), f'"{paths[0]}": kept for good\n')


def test_each_image_has_a_line_in_the_order_of_the_paths(api, shots, command):
    _, printed, _ = command(*shots("b", "a", "c"))
    assert re.findall(r"(?m)^!\[(.)\]\(\S+\)$", printed) == ["b", "a", "c"]


def test_a_quoted_pattern_works_like_the_shells(api, shots, command):
    shots("shot10", "shot2")
    assert re.findall(r"\[(\w+)\]", command("shot*.png")[1]) == ["shot2", "shot10"]


def test_json_holds_the_fields_of_the_tools_and_what_failed(api, shots, command):
    (path,) = shots("a")
    code, printed, _ = command("--json", path, "missing.png")
    done, failed = json.loads(printed)
    assert code == 1
    assert {name: done[name] for name in ("path", "url", "width", "height", "expires_at")} == {
        "path": path,
        "url": f"{api.url}/1.png",
        "width": 3,
        "height": 2,
        "expires_at": None,
    }
    assert done.keys() - {"path"} <= {*UploadResult._fields}
    assert failed == {"path": "missing.png", "error": failed["error"], "retry": False}
    assert failed["error"].startswith('"missing.png" does not exist')


def test_an_existing_url_is_noted_on_stderr_and_fresh_uploads_again(api, shots, command):
    (path,) = shots("a")
    first, again, fresh = command("--url", path), command("--url", path), command("--url", "--fresh", path)
    assert first == (0, f"{api.url}/1.png\n", f'"{path}": kept for good\n')
    known = f'"{path}": kept for good, already uploaded, so its existing URL is returned\n'
    assert again == (0, f"{api.url}/1.png\n", known)
    assert fresh == (0, f"{api.url}/2.png\n", f'"{path}": kept for good\n')


def test_what_was_done_to_an_image_is_noted_on_stderr(api, command):
    shot = str(SAMPLES / "exif.jpg")
    code, printed, stderr = command("--url", shot)
    assert (code, printed) == (0, f"{api.url}/1.png\n")
    assert re.fullmatch(rf'"{re.escape(shot)}": kept for good, sent after: removed: camera model, comment\n', stderr)


def test_a_too_large_image_is_fitted_unless_that_is_forbidden(api, tmp_path, picture_of, command):
    (tmp_path / "a.png").write_bytes(picture_of(5, 5, padding=3000))
    api.limit, api.words = 2000, "max 1000 bytes"
    refused, fitted = command("--url", "--no-fit", "a.png"), command("--url", "a.png")
    assert refused[:2] == (1, "")
    assert refused[2].startswith('img402-mcp: "a.png": The image has 3,')
    assert fitted == (0, f"{api.url}/1.png\n", '"a.png": kept for good, sent after: png 3 kB -> png 1 kB, lossless\n')


@WORDS
def test_images_that_the_api_no_longer_accepts_are_named_for_a_retry(api, shots, command):
    api.on_upload = lambda _: DAILY_LIMIT
    paths = shots(*(f"{number} of many" for number in range(AT_ONCE + 9)))
    code, printed, stderr = command(*paths)
    assert (code, printed) == (1, "")
    assert re.search(r"\nimg402-mcp: Stopped early: The free uploads of .* \d+ not tried\.\n", stderr)
    assert stderr.endswith(f"To retry: {' '.join(repr(path) for path in paths)}\n")


@NAMES
def test_control_characters_in_a_name_are_escaped(api, shots, command):
    api.on_upload = lambda _: DAILY_LIMIT
    stderr = command(*shots("a\x1b[2J", "b"))[2]
    assert "\x1b" not in stderr
    assert "a\\x1b[2J.png" in stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("expiry", "said"),
    [
        pytest.param({"days": 7, "minutes": 1}, "expires in 7 days ({at:%Y-%m-%d %H:%M}Z)", id="days"),
        pytest.param({"hours": 47}, "expires in 47 hours ({at:%Y-%m-%d %H:%M}Z)", id="hours"),
        pytest.param({"days": -1}, "expires in 0 seconds ({at:%Y-%m-%d %H:%M}Z)", id="past"),
    ],
)
def test_how_long_the_link_lives_is_said_on_stderr(api, shots, command, expiry, said):
    at = datetime.now(UTC) + timedelta(**expiry)
    api.on_upload = lambda _: reply(200, {"url": f"{api.url}/1.png", "id": "1", "expiresAt": at.isoformat()})
    (path,) = shots("a")
    assert command("--url", path) == (0, f"{api.url}/1.png\n", f'"{path}": {said.format(at=at)}\n')


def test_an_expiry_that_the_api_does_not_state_is_not_invented(api, shots, command):
    api.on_upload = lambda _: reply(200, {"url": f"{api.url}/1.png", "id": "1"})
    (path,) = shots("a")
    assert command("--url", path)[2] == f'"{path}": The API named no usable expiry.\n'


@pytest.mark.parametrize("name", ["shots", "shots/", "my shots", "[odd]"])
def test_a_folder_is_answered_with_the_pattern_that_names_its_images(api, tmp_path, picture_of, command, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.png").write_bytes(picture_of(3, 2))
    code, printed, stderr = command(name)
    assert (code, printed) == (1, "")
    assert f'"{name}" is a folder; ' in stderr
    program, *words = shlex.split(re.search("(?m)^To upload the images in it: (.*)$", stderr)[1])
    assert (program, command(*words[1:])[:2]) == ("img402-mcp", (0, f"![a]({api.url}/1.png)\n"))


# Which folders


def test_naming_a_file_allows_its_folder(api, command):
    assert command("--url", str(SAMPLES / "plain.png"))[:2] == (0, f"{api.url}/1.png\n")


def test_folders_that_are_set_are_the_limit_for_a_command_too(api, command, monkeypatch, tmp_path):
    monkeypatch.setenv("IMG402_ALLOW_DIRS", str(tmp_path))
    shot = str(SAMPLES / "plain.png")
    code, printed, stderr = command(shot)
    assert (code, printed) == (1, "")
    assert stderr == (
        f'img402-mcp: "{shot}" is not inside an allowed folder. Allowed folders: "{tmp_path}". '
        "They are set by IMG402_ALLOW_DIRS.\n"
    )
    assert command("--allow-dir", str(tmp_path), shot)[0] == 1
    assert command("--allow-dir", str(SAMPLES), shot)[0] == 0


def test_a_link_leads_no_further_than_the_folder_of_the_file_that_is_named(tmp_path):
    (tmp_path / "chosen").mkdir()
    (tmp_path / "other.png").touch()
    (tmp_path / "chosen" / "link.png").symlink_to(tmp_path / "other.png")
    folders = upload.chosen_folders([str(tmp_path / "chosen" / "link.png")])
    assert not Roots.resolve(folders).contain((tmp_path / "other.png").resolve())


@pytest.mark.parametrize(
    ("named", "folder"),
    [
        pytest.param("{here}/shots/a.png", "shots", id="file"),
        pytest.param("{here}/shots/*.png", "shots", id="pattern"),
        pytest.param("{here}/shots/**/[ab]/*.png", "shots", id="pattern-of-folders"),
        pytest.param("file://{here}/shots/a.png", "shots", id="file-url"),
        pytest.param("{here}/[odd]/a.png", "[odd]", id="a-folder-named-like-a-pattern"),
    ],
)
def test_the_chosen_folder_is_where_the_named_files_lie(tmp_path, named, folder):
    (tmp_path / "shots").mkdir()
    (tmp_path / "[odd]").mkdir()
    assert upload.chosen_folders([named.format(here=tmp_path)]) == [tmp_path / folder]


@pytest.mark.parametrize("named", ["https://example.org/a.png", "/nowhere/a.png", "a\0.png", "~nobody-at-all/a.png"])
def test_a_missing_file_allows_no_folder(named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert upload.chosen_folders([named]) in ([], [Path()])


# How it ends


@pytest.mark.parametrize("width", ["0", "-1", "10001", "x", "٣"])
def test_an_invalid_width_is_a_usage_error(width, command):
    code, printed, stderr = command(f"--width={width}", "a.png")
    assert (code, printed) == (2, "")
    assert f'"{width}" is not a width in CSS pixels; give 1 to 10000.' in stderr


@pytest.mark.parametrize(
    "forms", [*map(list, combinations(("--markdown", "--url", "--json", "--pairs"), 2))], ids=" ".join
)
def test_two_forms_at_once_are_a_usage_error(forms, command):
    code, printed, stderr = command(*forms, "a.png")
    assert (code, printed) == (2, "")
    assert f"{forms[1]} cannot be used with {forms[0]}." in stderr


def test_fresh_and_paid_do_not_go_together(command):
    with pytest.raises(SettingsError, match="--fresh cannot be used with --paid"):
        command("--paid", "--fresh", "a.png")


def test_a_wallet_that_does_not_open_is_a_settings_error(api, shots, command, monkeypatch, tmp_path):
    (tmp_path / "wallet.json").write_text("{}")
    monkeypatch.setenv("IMG402_WALLET_FILE", str(tmp_path / "wallet.json"))
    monkeypatch.setenv("IMG402_WALLET_PASSWORD", "open sesame")
    api.on_upload = lambda _: reply(402, {})
    code, printed, stderr = command("--paid", *shots("a"))
    assert (code, printed) in ((2, ""), (1, ""))
    assert "open sesame" not in stderr


def all_of(terminal: int) -> bytes:
    """Everything that was written to the other end, which is closed by now."""
    stderr = b""
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as ours:
        while piece := ours.read(1000):
            stderr += piece
    return stderr


INTERRUPTIBLE = """
import signal, sys
from img402_mcp.__main__ import ending

# Anyone who started the tests may ignore it, as a shell does for what it runs in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(ending(sys.argv[1:]))
"""


@PROCESSES
def test_an_interrupt_says_what_was_done_until_then(api, shots):
    """There is one file more than are sent at once, so the last one arrives when another is done."""
    *others, last = shots(*(f"quick{number}" for number in range(AT_ONCE)), "last")
    awaited, arrived = Path(last).read_bytes(), threading.Event()

    def on_upload(image: bytes) -> Response:
        if image == awaited:
            arrived.set()
            raise Hanging
        return api.taken(image)

    api.on_upload = on_upload
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", INTERRUPTIBLE, "upload", *others, last]
    environ = os.environ | {"TERM": "xterm"}
    with (
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=theirs, text=True) as program,
        ExitStack() as end,
    ):
        end.callback(program.kill)
        os.close(theirs)
        program.send_signal(signal.SIGINT if arrived.wait(20) else signal.SIGKILL)
        printed = program.stdout.read()
    stderr = all_of(ours).decode()
    done = len(re.findall(r"(?m)^!\[quick\d+\]\(\S+\)$", printed))
    assert (program.returncode, printed.count("\n")) == (130, done)
    assert done > 0
    assert stderr.startswith("\r\x1b[?25l[")
    assert re.search(r"\r +\r\x1b\[\?25h\"[^\x1b]*\Z", stderr), "the bar is wiped out before anything else is said"
    assert stderr.endswith(
        f"kept for good\r\nimg402-mcp: Interrupted; {done} uploaded until then. {upload.IN_THE_HISTORY}\r\n"
    )


def test_what_expires_is_said_on_stderr_with_the_flag_that_makes_it_last(monkeypatch, api, command, tmp_path):
    september = September()
    Image.effect_noise((800, 700), 60).convert("RGB").save(tmp_path / "large.png", compress_level=0)
    with on_a_socket(september.answer) as september.url:
        monkeypatch.setenv("IMG402_API_URL", september.url)
        plain, kept = command("--url", "large.png"), command("--url", "--keep", "large.png")
    way = "`img402-mcp upload --keep` makes an image fit"
    advice = f"Expires 2026-12-28. Images up to 1 MB are kept for good here: {way}."
    assert (plain[:2], plain[2].splitlines()[-1]) == ((0, f"{september.url}/1.png\n"), advice)
    assert kept[:2] == (0, f"{september.url}/2.png\n")
    assert '"large.png": kept for good, ' in kept[2]
    assert "xpires" not in kept[2]


def test_keep_does_not_go_with_paid(api, shots):
    with pytest.raises(SettingsError, match="--keep cannot be used with --paid"):
        main.run(["upload", "--keep", "--paid", *shots("a")])
