"""`publish`, with a host in a separate process."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from img402_mcp.cli import main
from img402_mcp.errors import ReadRefused
from tests.fakes.program import started

PROGRAM = [sys.executable, "-m", "img402_mcp"]
DOCUMENT = "# ä\r\n![a](a.png) ![b](https://i.example/b.png)"
Run = Callable[..., tuple[int, str, str]]


@contextmanager
def hosting(data: Path) -> Iterator[str]:
    with started("host", "--port", 0, "--data", data, environ={}) as program:
        line = next(line for line in program.stdout if "http://" in line)
        yield re.search(r"http://[0-9.:]+", line)[0]


@pytest.fixture(scope="module")
def api(tmp_path_factory) -> Iterator[str]:
    with hosting(tmp_path_factory.mktemp("host")) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path, sample) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.png").write_bytes(sample("plain.png"))
    (folder / "a.md").write_bytes(DOCUMENT.encode())
    return folder


@pytest.fixture
def publish(folder: Path, api: str, monkeypatch, capfdbinary) -> Run:
    """Its exit code, and what went to stdout and stderr."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("IMG402_API_URL", api)
    monkeypatch.setenv("IMG402_STATE_DIR", str(folder.parent / "state"))
    monkeypatch.delenv("IMG402_ALLOW_DIRS", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(["publish", *arguments])
        output, remarks = capfdbinary.readouterr()
        return code, output.decode(), remarks.decode()

    return run


def test_the_document_alone_goes_to_stdout_and_remarks_to_stderr(publish, api):
    code, output, remarks = publish("a.md")
    url = re.search(rf"{api}/\w+\.png", output)[0]
    assert (code, output) == (0, DOCUMENT.replace("a.png", url))
    told = f'Local images: 1 uploaded, 0 failed, 0 left alone.\n"a.png" is {url}\nExpires '
    assert re.fullmatch(re.escape(told) + r"\d{4}-\d\d-\d\d\.\n", remarks)


def test_the_document_comes_through_a_pipe_byte_for_byte(folder, api):
    environ = {"IMG402_API_URL": api, "IMG402_STATE_DIR": str(folder.parent / "state"), "PYTHONIOENCODING": "latin-1"}
    (folder / "a.md").write_bytes("\ufeff€\r\n\r".encode())
    ended = subprocess.run(
        [*PROGRAM, "publish", "a.md"], env=environ, cwd=folder, capture_output=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "\ufeff€\r\n\r".encode())


def test_a_copy_is_written_and_stdout_stays_empty(publish, folder, api):
    assert publish("a.md", "--out", "b.md")[:2] == (0, "")
    assert f"![a]({api}/" in (folder / "b.md").read_bytes().decode()
    with pytest.raises(ReadRefused, match='"b.md" exists already; name another file, or allow it by --overwrite.'):
        publish("a.md", "--out", "b.md")
    code, output, _ = publish("a.md", "--out", "a.md", "--overwrite", "--json")
    assert (code, json.loads(output)["out"]) == (0, str(folder / "a.md"))


@pytest.mark.parametrize("name", ["AGENTS.md", ".github/copilot-instructions.md"])
def test_a_person_may_write_a_file_that_agents_read(publish, folder, api, name):
    (folder / ".github").mkdir()
    assert publish("a.md", "--out", name)[:2] == (0, "")
    assert f"![a]({api}/" in (folder / name).read_bytes().decode()


def test_a_dry_run_sends_nothing(publish, sample, monkeypatch):
    monkeypatch.setenv("IMG402_API_URL", "http://127.0.0.1:9")
    code, output, _ = publish("a.md", "--dry-run", "--json")
    assert (code, json.loads(output)) == (
        0,
        {
            "would_upload": [{"image": "a.png", "size_bytes": len(sample("plain.png"))}],
            "failures": [],
            "left_alone": [],
            "out": "",
            "note": "A dry run: nothing was sent or written.",
        },
    )


def test_an_image_that_fails_shows_in_the_exit_code_and_hides_no_other(publish, folder, api):
    (folder / "a.md").write_text("![x](x.png) ![a](a.png)", encoding="utf-8")
    code, output, remarks = publish("a.md")
    assert code == 1
    assert re.fullmatch(rf"!\[x\]\(x\.png\) !\[a\]\({api}/\w+\.png\)", output)
    assert '"x.png" FAILED and stays as it was: ' in remarks


def test_the_folder_of_a_named_document_may_be_read_unless_folders_were_set(publish, folder, monkeypatch):
    other = folder.parent / "other"
    other.mkdir()
    (other / "c.md").write_text("# c", encoding="utf-8")
    assert publish(str(other / "c.md"))[:2] == (0, "# c")
    monkeypatch.setenv("IMG402_ALLOW_DIRS", str(folder))
    with pytest.raises(ReadRefused, match="is not inside an allowed folder"):
        publish(str(other / "c.md"))
