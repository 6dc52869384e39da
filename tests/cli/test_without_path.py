"""`img402-mcp upload -`: an image on stdin, bounded, and checked like any other."""

import subprocess
import sys
from pathlib import Path

import pytest

from img402_mcp.cli import main
from img402_mcp.errors import SettingsError

SAMPLES = Path(__file__).parents[1] / "samples"


def piped(data: bytes, *flags: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "img402_mcp", "upload", *flags]
    return subprocess.run(command, input=data, capture_output=True, check=False)


def test_an_image_on_stdin_is_scrubbed_and_uploaded(api):
    done = piped((SAMPLES / "exif.jpg").read_bytes(), "-")
    assert (done.returncode, done.stdout.decode()) == (0, f"![image]({api.url}/1.png)\n")
    assert b"removed: " in done.stderr
    assert api.sizes[0] < len((SAMPLES / "exif.jpg").read_bytes())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "The image is empty", id="empty"),
        pytest.param(b"<svg xmlns='x'/>", "The image is an SVG; render it to PNG first", id="svg"),
        pytest.param(
            b"\x89PNG\r\n\x1a\n" + bytes(26_214_400), "stdin holds more than 26,214,400 bytes", id="too-large"
        ),
    ],
)
def test_what_is_no_image_is_refused_and_nothing_is_sent(api, data, said):
    done = piped(data, "-")
    assert (done.returncode, done.stdout, api.sizes) == (1, b"", [])
    assert said in done.stderr.decode()
    assert b"Nothing was sent" in done.stderr


@pytest.mark.parametrize("words", [("-", "a.png"), ("-", "--clipboard"), ("a.png", "--clipboard")])
def test_one_source_at_a_time(api, words):
    with pytest.raises(SettingsError, match="one of the three"):
        main.run(["upload", *words])


def test_it_is_never_paid_for(api):
    with pytest.raises(SettingsError, match="--paid takes files only"):
        main.run(["upload", "-", "--paid"])


def test_without_any_path_it_is_a_usage_error(capsys):
    assert main.run(["upload"]) == 2
    assert "Missing argument 'PATH...'" in capsys.readouterr().err


def test_a_file_of_that_name_is_named_with_its_folder(api, tmp_path):
    (tmp_path / "-").write_bytes((SAMPLES / "plain.png").read_bytes())
    assert piped(b"", "./-").returncode == 0
    assert len(api.sizes) == 1
