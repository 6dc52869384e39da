"""A large file passes through the host in pieces."""

import http.client
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from img402_mcp.host.admin.accounts import Accounts
from img402_mcp.host.db.database import Database

MEGABYTE = 1_048_576


def highest(pid: int) -> int:
    """The most memory that was resident since `forget`, in bytes."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def forget(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.fixture
def known(server: SimpleNamespace) -> Accounts:
    return Accounts(Database(server.settings.database), lambda: datetime.now(UTC))


@pytest.fixture
def large(other_pictures: SimpleNamespace) -> Callable[[int], bytes]:
    """A JPEG of just so many bytes, nearly all of them one scan, which the host reads to its end."""
    return lambda size: other_pictures.jpeg(300, 200, 0)[:-2].ljust(size - 2, b"\0") + b"\xff\xd9"


def sent(server: SimpleNamespace, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from Linux's /proc")
def test_the_largest_files_cost_less_than_64_mb(
    server: SimpleNamespace, known: Accounts, large: Callable[[int], bytes]
):
    key, token = known.add_agent("large")["key"], known.add_token("large", may_upload=True)["token"]
    known.add_project("large", "0", "open", "image")
    known.add_submission("large", "large", "large")
    known.database.close()
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + large(25 * MEGABYTE)
    kind = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {token}"}
    intent = {"fileName": "a.jpg", "fileType": "image/jpeg", "fileSize": 20 * MEGABYTE}
    path = "/api/agents/projects/large/submissions/large"
    granted = sent(server, "POST", path, json.dumps(intent).encode(), {"Authorization": f"Bearer {key}"})
    url = urlsplit(json.loads(granted[1])["data"]["uploadUrl"])
    forget(server.pid)
    idle = highest(server.pid)
    stored, _ = sent(server, "POST", "/v1/uploads", form + b"\r\n--x--\r\n", kind)
    put, _ = sent(server, "PUT", f"{url.path}?{url.query}", large(20 * MEGABYTE), {"Content-Type": "image/jpeg"})
    assert (stored, put) == (200, 200)
    assert highest(server.pid) - idle < 64 * MEGABYTE
