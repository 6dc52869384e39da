"""A large file passes through the host in pieces."""

import http.client
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.app import utc_now
from img402_mcp.host.db.database import Database

MEGABYTE = 1_048_576


def highest(pid: int) -> int:
    """The most memory that was resident since `forget`, in bytes."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def forget(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.fixture
def credentials(server: SimpleNamespace) -> tuple[str, str]:
    """An io42 agent's key, with a submission open, and a studio token."""
    with closing(Database(server.settings.database)) as database:
        io42, studio = Io42Accounts(database, utc_now), StudioAccounts(database, utc_now)
        key, token = io42.add_agent("large")["key"], studio.add_token("large", may_upload=True)["token"]
        io42.add_project("large", "0", "open", "image")
        io42.add_submission("large", "large", "large")
    return key, token


@pytest.fixture
def large(other_pictures: SimpleNamespace) -> Callable[[int], bytes]:
    """A JPEG of exactly so many bytes, nearly all of them one scan, which the host reads to its end."""
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
    server: SimpleNamespace, credentials: tuple[str, str], large: Callable[[int], bytes]
):
    key, token = credentials
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
