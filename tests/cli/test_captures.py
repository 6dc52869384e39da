"""What six commands show in a terminal of 80 columns, compared with the files in `captures`.

A file is written by its test. Where it differs from what is committed the test fails once: read the difference as its
readers will, and commit it.
"""

import re
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from img402_mcp.client.history import History
from img402_mcp.client.http import Response
from tests.fakes.api import Api
from tests.fakes.history import ENTRY
from tests.fakes.serving import on_a_socket, reply
from tests.fakes.tmux import SECONDS

CAPTURES = Path(__file__).with_name("captures")


def compare(name: str, command: str, screen: str) -> None:
    file, shown = CAPTURES / f"{name}.txt", f"$ {command}\n{screen}"
    known = file.read_text(encoding="utf-8") if file.exists() else ""
    if shown != known:
        CAPTURES.mkdir(exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert shown.splitlines() == known.splitlines(), f"{name} looks different: read the difference, then commit it"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        pytest.param("help", "img402-mcp --help", id="help"),
        pytest.param("upload-help", "img402-mcp upload --help", id="upload-help"),
        pytest.param("misspelt", "img402-mcp uplaod shot.png", id="misspelt"),
    ],
)
def test_a_command_that_only_talks_looks_as_before(terminal, name, command):
    window = terminal()
    window.start(command)
    window.wait()
    compare(name, command, window.screen())


def test_the_history_looks_as_before(terminal, tmp_path):
    with closing(History.open(tmp_path / "state")) as history:
        for name, path in (("Xy12", "/home/ann/shots/login page.png"), ("Ab34", "/home/ann/shots/画面.png")):
            url = f"https://i.img402.dev/{name}.png"
            history.remember(replace(ENTRY, path=path, source=name * 16, url=url, expires_at=None))
    window = terminal()
    window.start("img402-mcp history")
    window.wait()
    compare("history", "img402-mcp history", window.screen())


def test_the_doctor_looks_as_before(terminal, tmp_path):
    (tmp_path / "shots").mkdir()
    stated = {"formats": ["image/png"], "free": {"maxBytes": 1_000_000, "days": 7}}
    with on_a_socket(Api(stated=stated).answer) as url:
        window = terminal(IMG402_API_URL=url, IMG402_ALLOW_DIRS="shots:gone")
        window.start("img402-mcp doctor")
        window.wait()
    screen = window.screen("-J").replace(url, "http://127.0.0.1:4020").replace(str(tmp_path), "/home/ann")
    screen = re.sub(r"img402-mcp \S+ on Python .*", "img402-mcp on Python; its packages", screen)
    compare("doctor", "img402-mcp doctor", re.sub(r"starts and lists .*", "starts and lists its tools", screen))


def test_an_upload_that_waits_for_its_answer_looks_as_before(terminal, tmp_path, sample):
    (tmp_path / "shot.png").write_bytes(sample("plain.png"))
    api, seen = Api(), threading.Event()

    def on_upload(image: bytes) -> Response:
        seen.wait(SECONDS)
        return reply(200, {"url": "https://i.img402.dev/Xy12.png", "id": "Xy12", "expiresAt": None})

    api.on_upload = on_upload
    with on_a_socket(api.answer) as url:
        window = terminal(IMG402_API_URL=url, IMG402_VERIFY="off")
        window.start("img402-mcp upload shot.png")
        waiting = window.wait_for("100 %")
        seen.set()
        window.wait()
    compare("upload", "img402-mcp upload shot.png", f"{waiting}\n(when the answer has come)\n\n{window.screen()}")


@pytest.mark.parametrize(
    ("environ", "is_bold"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)],
    ids=["colour", "no-color", "empty"],
)
def test_headings_are_bold_unless_no_color_is_set(terminal, environ, is_bold):
    window = terminal(**environ)
    window.start("img402-mcp --help")
    window.wait()
    assert ("\x1b[1m" in window.screen("-e")) is is_bold
