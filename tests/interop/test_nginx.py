"""docs/deploy's nginx, for real, before a real host: it keeps images for a minute, or sends them from the folder."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from httpx2 import Client, Response

from img402_mcp.formats import PNG
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import host_settings
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import FREE_ID, Images, StoredImage, new_id
from tests.fakes.fixtures import Sample
from tests.interop.processes import free_port

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
CACHING, ACCEL = (DEPLOY.joinpath(name).read_text(encoding="utf-8") for name in ("nginx.conf", "nginx-accel.conf"))
FROM_THE_FOLDER = re.sub(r"    # Images never change under.*?\n    }\n", lambda _: ACCEL, CACHING, flags=re.DOTALL)
# What a distribution's own nginx.conf has around such a file, in folders of the test's own.
AROUND = """
daemon off; worker_processes 1; {user} pid {folder}/pid; error_log stderr notice;
events {{}}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {site}
}}
"""
SAFE = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
}

Running = Callable[..., AbstractContextManager[str]]
Start = Callable[..., SimpleNamespace]

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not here")


def adapted(site: str, folder: Path, address: str) -> str:
    """On that address, without TLS, in that folder. As root its workers stay root, whose the host's folder is then."""
    site = re.sub(r"\n\s+ssl_\w+\s.*", "", site).replace("listen 443 ssl;", f"listen {address};")
    site = site.replace("/var/cache/nginx", str(folder)).replace("/var/log/nginx", str(folder))
    return AROUND.format(folder=folder, site=site, user="" if os.getuid() else "user root;")


@pytest.fixture
def start(tmp_path: Path, running: Running) -> Iterator[Start]:
    """`start(SITE, NAME="value")`: a host behind such an nginx. `.client` asks nginx, `.settings` are the host's."""
    with ExitStack() as stack:

        def started(site: str, **environ: str) -> SimpleNamespace:
            environ |= {"IMG402_HOST_TRUSTED_PROXIES": "127.0.0.1", "IMG402_HOST_DATA": str(tmp_path / "data")}
            host = stack.enter_context(running(["-m", "img402_mcp", "host", "--port", "0"], environ))
            site = site.replace("127.0.0.1:4020", host.removeprefix("http://"))
            site = site.replace("/srv/img402", environ["IMG402_HOST_DATA"])
            address, config = f"127.0.0.1:{free_port()}", tmp_path / "nginx.conf"
            config.write_text(adapted(site, tmp_path, address))
            words = ["-c", config, "-p", tmp_path, "-e", "stderr"]
            stack.enter_context(running(words, program="nginx", says="start worker process "))
            client = stack.enter_context(Client(base_url=f"http://{address}", headers={"Host": "images.example.org"}))
            return SimpleNamespace(client=client, settings=host_settings(environ, default_public_url=host))

        yield started


def uploaded(behind: SimpleNamespace, image: bytes) -> tuple[str, str]:
    """The paths at which it is and at which it is deleted."""
    answer = behind.client.post("/api/free", files={"image": image}).json()
    return tuple(answer[name].removeprefix(behind.settings.public_url) for name in ("url", "deleteUrl"))


def safe(answer: Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name in SAFE}


@pytest.mark.parametrize(
    ("site", "environ"),
    [
        pytest.param(CACHING, {}, id="kept-for-a-minute"),
        pytest.param(FROM_THE_FOLDER, {"IMG402_HOST_ACCEL_LOCATION": "/stored/"}, id="from-the-folder"),
    ],
)
def test_an_image_is_served_as_the_host_serves_it(start: Start, sample: Sample, site: str, environ: dict[str, str]):
    behind, image = start(site, **environ), sample("plain.png")
    path, _ = uploaded(behind, image)
    first, again, head = behind.client.get(path), behind.client.get(path), behind.client.head(path)
    assert [(it.status_code, it.content) for it in (first, again, head)] == [(200, image), (200, image), (200, b"")]
    for answer in (first, again, head):
        assert safe(answer) == SAFE
        assert (answer.headers["content-type"], answer.headers["content-length"]) == ("image/png", str(len(image)))
        assert re.fullmatch(r"public, max-age=6047\d\d", answer.headers["cache-control"])
    part = behind.client.get(path, headers={"Range": "bytes=5-9"})
    known = behind.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (part.status_code, part.content, known.status_code) == (206, image[5:10], 304)
    assert behind.client.get("/aaaaaaaaaaaaa.png").status_code == 404


def test_from_the_folder_an_image_is_gone_when_it_is_deleted_and_reached_by_its_name_alone(
    start: Start, sample: Sample
):
    behind = start(FROM_THE_FOLDER, IMG402_HOST_ACCEL_LOCATION="/stored/")
    path, deletion = uploaded(behind, sample("plain.png"))
    assert behind.client.get(path).status_code == 200
    assert [behind.client.get(f"/stored{it}").status_code for it in (path, "/", "/../../index.sqlite")] == [404] * 3
    assert behind.client.delete(deletion).status_code == 204
    assert behind.client.get(path).status_code == 404
    assert "key=" not in (behind.settings.data.parent / "img402.log").read_text()


def test_from_the_folder_an_image_ends_at_its_moment(start: Start, sample: Sample):
    behind = start(FROM_THE_FOLDER, IMG402_HOST_ACCEL_LOCATION="/stored/")
    now, data = datetime.now(UTC).replace(microsecond=0), sample("plain.png")  # rows hold whole milliseconds
    end = now + timedelta(seconds=4)
    image = StoredImage(new_id(FREE_ID), PNG, len(data), now, end)
    Folder(behind.settings.blobs).put(image.name, data)
    with closing(Database(behind.settings.database)) as database, database.transaction() as connection:
        Images(database).add(connection, image)
    statuses = set[tuple[bool, int]]()
    while (asked := datetime.now(UTC)) < end + timedelta(seconds=1):
        status = behind.client.get(f"/{image.name}").status_code
        if datetime.now(UTC) < end or asked >= end:  # not while it ended
            statuses.add((asked < end, status))
    assert statuses == {(True, 200), (False, 404)}
