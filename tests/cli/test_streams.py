"""Streams that are closed, full, or without a reader: no traceback, and no URL is lost because of another stream."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.api import Api
from tests.fakes.posix import PROCESSES
from tests.fakes.serving import on_a_socket

pytestmark = PROCESSES

FULL = "img402-mcp: The output cannot be written: No space left on device.\n"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")


@pytest.fixture
def run(tmp_path, sample):
    """`run("history", ">&-")`: the exit code, stdout and stderr."""
    (tmp_path / "a.png").write_bytes(sample("plain.png"))

    def ran(words: str, redirection: str) -> tuple[int, str, str]:
        with on_a_socket(Api().answer) as url:
            environ = {"HOME": str(tmp_path), "IMG402_API_URL": url, "IMG402_VERIFY": "off"}
            command = ["sh", "-c", f'"$0" -m img402_mcp {words} {redirection}', sys.executable]
            done = subprocess.run(
                command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
        return done.returncode, done.stdout, done.stderr

    return ran


@pytest.mark.parametrize("redirection", ["2>&-", "<&- 2>&-"])
def test_an_upload_without_stderr_prints_its_url(run, redirection):
    code, output, errors = run("upload --url a.png", redirection)
    assert (code, output.startswith("http://"), output.count("\n"), errors) == (0, True, 1, "")


@pytest.mark.parametrize("words", ["--help", "upload a.png", "uplaod"])
def test_closed_streams_change_no_exit_code(run, words):
    assert run(words, ">&- 2>&-") == (run(words, "")[0], "", "")


def test_the_history_is_printed_to_a_closed_stdout(run):
    assert run("upload a.png", "")[0] == 0
    assert run("history", ">&-") == (0, "", "")


def test_a_closed_stdin_is_an_empty_one(run):
    code, output, errors = run("upload -", "<&-")
    assert (code, output, "The image is empty" in errors) == (1, "", True)


@needs_full
@pytest.mark.parametrize("words", ["--help", "--version", "upload --url a.png"])
def test_an_output_that_cannot_be_written_is_an_error_in_one_sentence(run, words):
    assert run(words, ">/dev/full") == (1, "", FULL)


@needs_full
def test_an_output_and_errors_that_cannot_be_written_end_with_code_1(run):
    assert run("--version", ">/dev/full 2>/dev/full") == (1, "", "")


def test_a_reader_that_has_gone_ends_the_command_silently(run):
    assert run("--help", "| true") == (0, "", "")
