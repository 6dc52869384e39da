"""`img402-mcp delete`: by the delete URL of the history, after a typed yes or --yes."""

import sys
from contextlib import closing
from dataclasses import replace
from time import time

import pytest

from img402_mcp.cli import main
from img402_mcp.client.history import History
from img402_mcp.client.http import Request, Response
from img402_mcp.errors import SettingsError
from tests.fakes.history import ENTRY
from tests.fakes.posix import PROCESSES
from tests.fakes.serving import on_a_socket, reply
from tests.fakes.terminal import typed

SECRET = "a-secret-key"


class Own:
    """A host that keeps what it was asked to delete."""

    def __init__(self, status: int = 204) -> None:
        self.status, self.deleted = status, list[str]()
        self.url = ""

    def answer(self, request: Request) -> Response:
        assert request.method == "DELETE"
        self.deleted.append(request.url)
        return reply(self.status)


@pytest.fixture
def own():
    host = Own()
    with on_a_socket(host.answer) as host.url:
        yield host


@pytest.fixture
def history(tmp_path, monkeypatch, own):
    monkeypatch.setenv("IMG402_STATE_DIR", str(tmp_path))
    with closing(History.open(tmp_path)) as opened:
        yield opened


@pytest.fixture
def entry(history, own, tmp_path):
    known = replace(
        ENTRY, at=time(), path=str(tmp_path / "shot.png"), url=f"{own.url}/a.png", api=own.url,
        expires_at=time() + 1000, delete_url=f"{own.url}/delete/a.png?key={SECRET}",
    )  # fmt: skip
    history.remember(known)
    return known


def test_an_image_is_deleted_by_its_url(own, history, entry, capsys):
    assert main.run(["delete", entry.url, "--yes"]) == 0
    assert own.deleted == [entry.delete_url]
    assert capsys.readouterr().out == f"Deleted: {entry.url}\n"
    assert history.find(now=time())[0].gone


def test_by_its_path_every_living_image_of_that_file_is_deleted(own, history, entry, capsys, tmp_path, monkeypatch):
    second = replace(entry, url=f"{own.url}/b.png", delete_url=f"{own.url}/delete/b.png?key={SECRET}")
    history.remember(second)
    history.remember(replace(entry, path=str(tmp_path / "shot.png2"), url=f"{own.url}/c.png"))
    monkeypatch.chdir(tmp_path)
    assert main.run(["delete", "shot.png", "--yes"]) == 0
    assert sorted(own.deleted) == [entry.delete_url, second.delete_url]


@PROCESSES
@pytest.mark.parametrize(
    ("answer", "code", "count"), [("yes\n", 0, 1), ("no\n", 2, 0), ("\n", 2, 0)], ids=["yes", "no", "enter"]
)
def test_at_a_terminal_only_a_typed_yes_deletes(own, entry, tmp_path, answer, code, count):
    command = [sys.executable, "-m", "img402_mcp", "delete", entry.url]
    environ = {"HOME": str(tmp_path), "IMG402_STATE_DIR": str(tmp_path)}
    assert typed(command, answer, environ, tmp_path)[0] == code
    assert own.deleted == [entry.delete_url] * count


def test_without_yes_and_without_a_terminal_nothing_is_deleted(own, entry):
    with pytest.raises(SettingsError, match="type yes at a terminal, or give --yes"):
        main.run(["delete", entry.url])
    assert own.deleted == []


@pytest.mark.parametrize(("status", "code"), [(204, 0), (404, 0), (403, 1), (500, 1)])
def test_only_what_is_gone_counts_as_deleted(own, history, entry, status, code, capsys):
    own.status = status
    assert main.run(["delete", entry.url, "--yes"]) == code
    assert history.find(now=time())[0].gone is (code == 0)
    assert SECRET not in "".join(capsys.readouterr())


def test_of_the_hosted_api_it_says_how_to_ask(history, own):
    history.remember(replace(ENTRY, url="https://i.img402.dev/a.png", api="https://img402.dev", expires_at=None))
    for what in ("https://i.img402.dev/a.png", "https://i.img402.dev/unknown.png"):
        with pytest.raises(SettingsError, match=r"img402.dev has no way to delete .*/api/feedback"):
            main.run(["delete", what, "--yes"])
    assert own.deleted == []


@pytest.mark.parametrize("what", ["https://elsewhere.example/a.png", "shot", "a.png", "/"])
def test_only_a_whole_url_or_path_names_an_image(own, entry, what):
    with pytest.raises(SettingsError, match="No current upload of"):
        main.run(["delete", what, "--yes"])
    assert own.deleted == []


def test_an_image_without_a_delete_url_names_the_operator_to_ask(own, history, entry):
    history.remember(replace(entry, url=f"{own.url}/plain.png", delete_url=""))
    with pytest.raises(SettingsError, match=f"Ask the operator of {own.url}"):
        main.run(["delete", f"{own.url}/plain.png", "--yes"])
