"""The Dockerfile: linted, built by buildah on a Debian of debootstrap, and both images run as an engine runs them."""

import json
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.fakes.fixtures import Sample
from tests.interop.conftest import CACHE, ready
from tests.interop.packaging.conftest import CHECKOUT
from tests.interop.processes import ended

PROGRAMS = ["buildah", "debootstrap", "unshare", "chroot"]
IN_CONTAINER = Path(__file__).with_name("in_container.sh")
DEBIAN = """
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm {}/root
tar -C {}/root -cf {}/base.tar .
rm -r {}/root
"""
SLIM = ["find", "/usr/lib/python3.11", "-name", "*.pyc", "-delete"]  # as the slim images come
BASE = "localhost/debian-with-python"
PIP = ["/etc/pip.conf", "/etc/ssl/certs"]  # how this machine reaches its package index
USER = 4020
TOKEN = "a-token-of-32-printable-letters-"


class Image(NamedTuple):
    root: Path
    config: dict[str, Any]


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    if os.name != "posix" or os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)):
        pytest.skip(f"needs root and {', '.join(PROGRAMS)}")
    program = ["buildah", "--root", str(CACHE / "containers"), "--runroot", str(tmp_path_factory.mktemp("run"))]

    def run(*words: str | Path) -> str:
        done = subprocess.run([*program, *words], cwd=CHECKOUT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture(scope="module")
def base(buildah: Callable[..., str], installed: Callable[..., Path]) -> Iterator[str]:
    """A Debian with Python, as slim as its name says. It stays; what was built on it goes."""
    packed = installed("debian-bookworm", ["sh", "-euc", DEBIAN])
    if BASE not in buildah("images", "--format", "{{.Name}}"):
        debian = buildah("from", "scratch")
        buildah("add", debian, packed / "base.tar", "/")
        buildah("run", "--isolation", "chroot", debian, "--", *SLIM)
        buildah("commit", "--quiet", "--rm", debian, BASE)
    yield BASE
    buildah("rmi", "--prune", "--force")


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest, buildah: Callable[..., str], base: str) -> Iterator[Image]:
    name = f"localhost/img402-{request.param}"
    mounts = [f"--volume={path}:{path}:ro" for path in PIP if Path(path).exists()]
    words = ["--isolation=chroot", "--pull-never", "--format=docker", f"--build-arg=BASE={base}", *mounts]
    buildah("build", "--layers", *words, "--target", request.param, "--tag", name, ".")
    container = buildah("from", "--pull-never", name)
    said = json.loads(buildah("inspect", "--type", "image", name))["Docker"]["config"]
    yield Image(Path(buildah("mount", container)), said)
    buildah("rm", container)
    buildah("rmi", name)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir(mode=0o700)
    os.chown(folder, USER, USER)
    return folder


@pytest.fixture
def pictures(tmp_path: Path, sample: Sample) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "shot.png").write_bytes(sample("plain.png"))
    return folder


Starting = Callable[..., AbstractContextManager[tuple[str, subprocess.Popen[str]]]]


@pytest.fixture
def starting(
    image: Image, volume: Path, pictures: Path, reading: Callable[..., AbstractContextManager[None]]
) -> Starting:
    """`with starting(flag, ..., NAME=value) as (address, process)`: the image's own entry point."""

    @contextmanager
    def start(*flags: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
        words = inside(image, volume, pictures, *image.config["Entrypoint"], "--port", "0", *flags, **environment)
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
            port = ready(process, r"http://0\.0\.0\.0:\d+").rpartition(":")[2]
            with reading(process.stderr, deque(maxlen=0).extend), ended(process):
                yield f"127.0.0.1:{port}", process

    return start


def inside(image: Image, volume: Path, pictures: Path, *words: str, **environment: str) -> list[str]:
    said = dict(line.split("=", 1) for line in image.config["Env"]) | environment
    names = [f"{name}={value}" for name, value in said.items()]
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*alone, str(IN_CONTAINER), str(image.root), str(volume), str(pictures), *names, *words]


def healthy(image: Image, volume: Path, pictures: Path, address: str) -> bool:
    """By the image's own check, at the port that the test has."""
    kind, *words = image.config["Healthcheck"]["Test"]
    (its_port,) = image.config["ExposedPorts"]
    asked = [word.replace(its_port.removesuffix("/tcp"), address.rpartition(":")[2]) for word in words]
    assert (kind, asked == words) == ("CMD", False)
    command = inside(image, volume, pictures, *asked)
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def terminated(process: subprocess.Popen[str]) -> int:
    """Ends process 1 of the container, as `docker stop` does."""
    inner = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    os.kill(inner, signal.SIGTERM)
    return process.wait(30)


def test_hadolint_finds_nothing_in_the_dockerfile(tool: Callable[..., str]):
    assert tool("hadolint", "--no-color", "Dockerfile") == ""


@pytest.mark.parametrize("image", ["host", "mcp"], indirect=True)
def test_an_image_holds_bytecode_for_all_that_it_runs_and_neither_pip_nor_root(image: Image):
    library = image.root / "opt/img402/lib/python3.11"
    for folder, left_out in ((library, set()), (image.root / "usr/lib/python3.11", {"idlelib", "lib2to3", "test"})):
        sources = [path for path in folder.rglob("*.py") if not left_out & {*path.parts}]
        assert len(sources) > 100
        assert [it for it in sources if not [*(it.parent / "__pycache__").glob(f"{it.stem}.*.pyc")]] == []
    assert not (library / "site-packages/pip").exists()
    assert image.config["User"] == "4020:4020"
    assert image.config["Volumes"] == {"/data": {}}
    assert sorted(path.name for path in image.root.glob("source/*")) == []


@pytest.mark.parametrize("image", ["host"], indirect=True)
def test_the_host_takes_images_on_a_read_only_file_system_and_ends_when_it_is_asked_to(
    image: Image, starting: Starting, volume: Path, pictures: Path
):
    shot = pictures / "shot.png"
    with starting("--public-url", "http://images.example") as (address, process):
        assert healthy(image, volume, pictures, address)
        answer = httpx2.post(f"http://{address}/api/free", files={"image": shot.read_bytes()}).json()
        assert httpx2.get(f"http://{address}/{answer['id']}.png").content == shot.read_bytes()
        assert terminated(process) == 0
    assert not healthy(image, volume, pictures, address)
    assert names(volume) >= {"blobs", "index.sqlite", "secret"}


@pytest.mark.parametrize("image", ["mcp"], indirect=True)
async def test_the_mcp_server_uploads_what_is_mounted_for_those_who_have_its_token(
    image: Image, starting: Starting, volume: Path, pictures: Path, host: str
):
    settings = {"IMG402_SERVE_TOKEN": TOKEN, "IMG402_API_URL": host}
    with starting("--allowed-host", "127.0.0.1", **settings) as (address, process):
        assert healthy(image, volume, pictures, address)
        friend = httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"})
        url = f"http://{address}/mcp"
        async with friend, Client(streamable_http_client(url, http_client=friend)) as client:
            called = await client.call_tool("upload_free", {"path": "/images/shot.png"})
        assert called.structured_content is not None
        assert called.structured_content["url"].startswith(host)
        assert terminated(process) == 0
    assert not healthy(image, volume, pictures, address)
    assert names(volume) == {"ledger"}


@pytest.mark.parametrize("image", ["mcp"], indirect=True)
async def test_an_agent_can_start_the_container_for_itself(image: Image, volume: Path, pictures: Path):
    words = [*image.config["Entrypoint"], "--transport", "stdio"]
    program, *arguments = inside(image, volume, pictures, *words)
    async with Client(StdioServerParameters(command=program, args=arguments)) as client:
        limits = (await client.call_tool("limits", {})).structured_content
    assert limits is not None
    assert (limits["allowed_dirs"], limits["state_dir"]) == (["/images"], "/data")
