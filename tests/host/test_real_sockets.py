"""What only a real server shows: early answers, broken connections, a full disk, and curl as documented."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

from tests.fakes.fixtures import Sample

HEAD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"


def request(length: int, *more: str) -> bytes:
    lines = (
        "POST /api/free HTTP/1.1",
        "Host: h",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {length}",
        *more,
    )
    return "\r\n".join((*lines, "", "")).encode()


def answer(connection: socket.socket) -> tuple[str, str, str]:
    """Status line, Connection header and error code, once the server has closed."""
    head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).decode().partition("\r\n\r\n")
    status, *headers = head.split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in headers)
    return status, named.get("connection", ""), json.loads(body)["error"]


def files(server: SimpleNamespace) -> list[str]:
    return sorted(path.name for path in (server.data / "blobs").rglob("*") if path.is_file())


def test_a_wrong_type_is_refused_at_its_first_bytes(connected: socket.socket):
    connected.sendall(request(900_000) + HEAD + b"%PDF-1.7\n" + b"x" * 100)
    first = connected.recv(65536)
    connected.shutdown(socket.SHUT_WR)
    assert first.startswith(b"HTTP/1.1 400 ")
    assert b'"unsupported_format"' in first + b"".join(iter(lambda: connected.recv(65536), b""))


def test_an_oversized_upload_that_waits_for_100_continue_is_answered_at_once(connected: socket.socket):
    connected.sendall(request(5_000_000, "Expect: 100-continue"))
    assert answer(connected) == ("HTTP/1.1 400 Bad Request", "close", "file_too_large")


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_client_that_sends_everything_before_reading_gets_the_answer_and_leaves_nothing(
    server: SimpleNamespace, sample: Sample, *, chunked: bool
):
    before = files(server)
    body = HEAD + sample("plain.png") + bytes(9_000_000) + TAIL
    response = httpx2.post(
        f"{server.url}/api/free",
        content=iter([body[at : at + 65536] for at in range(0, len(body), 65536)]) if chunked else body,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert (response.status_code, response.json()["error"], response.headers["connection"]) == (
        400,
        "file_too_large",
        "close",
    )
    assert files(server) == before


def test_a_blocking_sender_can_send_everything_and_then_read(server: SimpleNamespace, connected: socket.socket):
    body = HEAD + b"not an image " * 300_000 + TAIL
    connected.sendall(request(len(body)) + body)
    assert answer(connected) == ("HTTP/1.1 400 Bad Request", "close", "file_too_large")


def test_a_refusal_after_the_whole_body_keeps_the_connection(server: SimpleNamespace, sample: Sample):
    with httpx2.Client(base_url=server.url) as client:
        refused = client.post("/api/free", files={"file": sample("plain.png")})
        taken = client.post("/api/free", files={"image": sample("plain.png")})
    assert (refused.status_code, refused.headers.get("connection"), taken.status_code) == (400, None, 200)


def test_a_client_that_goes_away_leaves_nothing(
    starting: Callable[[Path], SimpleNamespace], tmp_path: Path, sample: Sample
):
    server = starting(tmp_path)
    with socket.create_connection(server.address) as connection:
        connection.sendall(request(500_000) + HEAD + sample("plain.png") + bytes(200_000))
    line = json.loads(server.line("POST"))
    assert (line["status"], line["path"], line["bytes"]) == (499, "/api/free", 0)
    assert files(server) == []


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_full_disk_answers_upload_failed_and_leaves_nothing(
    starting: Callable[[Path], SimpleNamespace], tmp_path: Path, sample: Sample, picture_of: Callable[..., bytes]
):
    import resource  # noqa: PLC0415 - missing on Windows

    server = starting(tmp_path)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (300_000, 300_000))
    url = f"{server.url}/api/free"
    refused = httpx2.post(url, files={"image": picture_of(300, 200, padding=600_000)})
    assert (refused.status_code, refused.json()["error"]) == (500, "upload_failed")
    assert files(server) == []
    assert httpx2.post(url, files={"image": sample("plain.png")}).status_code == 200


def test_when_stopped_it_finishes_the_running_upload(
    starting: Callable[[Path], SimpleNamespace], tmp_path: Path, sample: Sample
):
    server = starting(tmp_path)
    body = HEAD + sample("plain.png") + TAIL
    with socket.create_connection(server.address, timeout=8) as connection:
        connection.sendall(request(len(body), "Expect: 100-continue"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        os.kill(server.pid, signal.SIGTERM)
        connection.sendall(body)
        head, _, answered = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert files(server) == [json.loads(answered)["url"].rpartition("/")[2]]
    assert json.loads(server.line("POST"))["status"] == 200


def curl(*arguments: str) -> bytes:
    return subprocess.run(["curl", "-sS", *arguments], check=True, capture_output=True, timeout=20).stdout


def test_curl_works_as_documented(server: SimpleNamespace, tmp_path: Path, sample: Sample):
    image = sample("exif.jpg")
    shot = tmp_path / "screenshot.png"
    shot.write_bytes(image)
    in_json = json.dumps({"file": base64.b64encode(image).decode()})
    for arguments in (
        ("-F", f"image=@{shot}", f"{server.url}/api/free"),
        ("-X", "POST", f"{server.url}/api/free", "-F", f"image=@{shot}"),
        ("-X", "POST", f"{server.url}/api/free", "-H", "Content-Type: application/json", "-d", in_json),
    ):
        receipt = json.loads(curl(*arguments))
        assert (receipt["contentType"], receipt["sizeBytes"]) == ("image/jpeg", len(image))
        assert curl(receipt["url"]) == image


def test_the_command_that_a_refusal_prints_works(server: SimpleNamespace, tmp_path: Path, sample: Sample):
    shot = tmp_path / "screenshot.png"
    shot.write_bytes(sample("plain.png"))
    refused = json.loads(curl("-F", f"file=@{shot}", f"{server.url}/api/free"))
    _, _, command = refused["message"].partition(": curl ")
    arguments = command.partition(" (or")[0].replace("@screenshot.png", f"@{shot}").split()
    assert json.loads(curl(*arguments))["sizeBytes"] == 1217


@pytest.mark.parametrize("arguments", [("--data-binary",), ("-X", "POST", "-T")], ids=["--data-binary", "-T"])
def test_curl_with_a_bare_body_is_shown_the_right_command(
    server: SimpleNamespace, tmp_path: Path, sample: Sample, arguments: tuple[str, ...]
):
    shot = tmp_path / "screenshot.png"
    shot.write_bytes(sample("plain.png") * 500)
    target = f"@{shot}" if arguments == ("--data-binary",) else str(shot)
    refused = json.loads(curl(*arguments, target, f"{server.url}/api/free"))
    assert refused["error"] == "no_file"
    assert (
        f'Send the image as the multipart field "image": curl -F image=@screenshot.png {server.url}/api/free'
        in (refused["message"])
    )
