"""Object stores that refuse, fail, hang or are gone: bounded in time, explained, and without keys in the message."""

import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread

import obstore
import pytest
from httpx2 import AsyncClient
from obstore.store import MemoryStore

from img402_mcp.errors import SettingsError
from img402_mcp.host.storage.blobs.objects import Objects, StoreTimeouts, open_objects

SECRET = "canary-secret-of-the-store"
SHORT = StoreTimeouts(timedelta(milliseconds=300), timedelta(milliseconds=300), timedelta(milliseconds=200))
ERROR = b"<Error><Code>%s</Code><Message>canary-of-the-answer</Message></Error>"


class Store:
    """Answers every request with the same bytes; with none it hangs."""

    def __init__(self) -> None:
        self.answer, self.requests = b"", 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._held: list[socket.socket] = []
        Thread(target=self._serve, daemon=True).start()

    def says(self, status: int, body: bytes = b"") -> None:
        head = f"HTTP/1.1 {status} Whatever\r\nETag: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.answer = head.encode() + body

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # a request that a thread waits for would stay open
        for held in [self._listener, *self._held]:
            held.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
                self._answer(connection)
            except OSError:
                return

    def _answer(self, connection: socket.socket) -> None:
        self.requests += 1
        self._held.append(connection)
        if self.answer:
            connection.settimeout(2)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            length = re.search(rb"content-length: (\d+)", received.lower())
            body = received.partition(b"\r\n\r\n")[2]
            while length and len(body) < int(length[1]):
                body += connection.recv(65536)
            connection.sendall(self.answer)
            connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    store = Store()
    for name, value in {"ACCESS_KEY_ID": "AK", "SECRET_ACCESS_KEY": SECRET, "ENDPOINT_URL": store.url}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    yield store
    store.stop()


def put_file(objects: Objects) -> str:
    """Its message where it fails."""
    file = objects.spool / "a.part"
    file.write_bytes(b"x")
    with pytest.raises(OSError, match="The object store failed") as output:
        objects.put("a.png", file)
    assert file.exists()
    return str(output.value)


@pytest.mark.parametrize(
    ("status", "code", "output"),
    [
        pytest.param(403, b"SignatureDoesNotMatch", "PermissionDeniedError (status code: 403, <Code>", id="signature"),
        pytest.param(404, b"NoSuchBucket", "FileNotFoundError (status code: 404, <Code>", id="bucket"),
        pytest.param(500, b"InternalError", "GenericError (after 2 retries, status code: 500, <Code>", id="broken"),
        pytest.param(503, b"SlowDown", "GenericError (after 2 retries, status code: 503, <Code>", id="busy"),
    ],
)
def test_a_refusal_is_reported_without_secrets(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, code: bytes, output: str
):
    caplog.set_level(logging.DEBUG)
    store.says(status, ERROR % code)
    objects = open_objects("s3://bucket/prefix", tmp_path)
    said = put_file(objects)
    assert said.startswith(f"The object store failed: {output}")
    for text in (said, caplog.text, repr(objects), repr(vars(objects))):
        assert "canary" not in text


def test_a_missing_bucket_is_not_a_missing_image(store: Store, tmp_path: Path):
    store.says(404, ERROR % b"NoSuchBucket")
    with pytest.raises(OSError, match="NoSuchBucket") as output:
        open_objects("s3://bucket", tmp_path).read("a.png", 0, 1)
    assert not isinstance(output.value, FileNotFoundError)


def test_a_hanging_store_is_waited_for_once(store: Store, tmp_path: Path):
    start = time.monotonic()
    assert "error sending request" in put_file(open_objects("s3://bucket", tmp_path, SHORT))
    assert time.monotonic() - start < 15  # 30 and more by default
    assert store.requests == 1


def test_an_unreachable_store_is_reported_soon(store: Store, tmp_path: Path):
    store.stop()
    start = time.monotonic()
    assert "error sending request" in put_file(open_objects("s3://bucket", tmp_path))
    assert time.monotonic() - start < 15


async def test_an_upload_fails_with_a_reason_and_works_again_when_the_store_does(
    store: Store,
    hosting: Callable[..., AbstractAsyncContextManager[AsyncClient]],
    sample: Callable[[str], bytes],
    rows: Callable[[], list[str]],
    data: Path,
):
    async with hosting(IMG402_HOST_BLOBS="s3://bucket/prefix") as client:
        store.says(500)
        refused = await client.post("/api/free", files={"image": sample("plain.png")})
        assert (refused.status_code, refused.json()) == (
            500,
            {
                "error": "upload_failed",
                "message": "The host could not store the image. Nothing was published; it is safe to try again.",
            },
        )
        assert (rows(), list((data / "blobs" / "incoming").iterdir())) == ([], [])
        store.says(200)
        taken = await client.post("/api/free", files={"image": sample("plain.png")})
        store.says(500)
        missing = await client.get(f"/{taken.json()['url'].rpartition('/')[2]}")
    assert (taken.status_code, missing.status_code, missing.json()) == (
        200,
        503,
        {"error": "unavailable", "message": "The host cannot reach its store or its database. Try again later."},
    )


def test_a_store_that_cannot_be_opened_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(SettingsError) as refused:
        open_objects("az://container/prefix", tmp_path)
    assert str(refused.value) == (
        'IMG402_HOST_BLOBS names "az://container/prefix", which cannot be opened: "Generic MicrosoftAzure error: '
        'Account must be specified". Its keys and its endpoint come from AWS_*, GOOGLE_* or AZURE_* in the environment.'
    )


WITHOUT_OBSTORE = """
import sys
sys.modules["obstore"] = None
from pathlib import Path
from img402_mcp.errors import SettingsError
from img402_mcp.host.storage.opening import open_blobs
try:
    open_blobs(Path(sys.argv[1]), "s3://bucket")
except SettingsError as error:
    print(error)
"""


def test_a_missing_library_is_named_with_its_extra(tmp_path: Path):
    output = subprocess.run(
        [sys.executable, "-c", WITHOUT_OBSTORE, tmp_path], capture_output=True, text=True, check=True
    ).stdout
    assert output == "IMG402_HOST_BLOBS names an object store, which needs obstore: pip install 'img402-mcp[s3]'.\n"


@pytest.mark.parametrize("as_file", [False, True], ids=["bytes", "file"])
@pytest.mark.parametrize(
    ("name", "max_age", "attributes"),
    [
        pytest.param(
            "faaaaaaaaaaaa.png", 300, {"Content-Type": "image/png", "Cache-Control": "public, max-age=300"}, id="free"
        ),
        pytest.param(
            "paaaaaaaaaaaa.jpg", 60, {"Content-Type": "image/jpeg", "Cache-Control": "public, max-age=60"}, id="paid"
        ),
        pytest.param("xaaaaaaaaaaaa.png", 300, {}, id="private"),
        pytest.param("readyz.probe", 300, {}, id="no-image"),
        pytest.param("faaaaaaaaaaaa.png", None, {}, id="no-edge"),
    ],
)
def test_an_object_says_to_an_edge_what_it_is_and_how_long_it_may_be_kept(
    tmp_path: Path, name: str, max_age: int | None, attributes: dict[str, str], *, as_file: bool
):
    store = MemoryStore()
    objects = Objects(store, tmp_path, max_age=max_age)
    file = objects.spool / "a.part"
    file.write_bytes(b"x")
    objects.put(name, file if as_file else b"x")
    assert dict(obstore.get(store, name).attributes) == attributes
