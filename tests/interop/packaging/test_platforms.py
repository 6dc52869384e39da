"""Where it installs from wheels alone, without a compiler, where it can pay, and next to which other packages."""

import os
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interop.packaging.conftest import CHECKOUT

PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
WITH_ETH_ACCOUNT = PYTHONS[:-1]
COMPILE = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "pyproject.toml"]
WHEELS = ["--only-binary", ":all:"]
OLD_LINUX = ["x86_64-manylinux2014", "aarch64-manylinux2014"]
MODERN = [
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "i686-pc-windows-msvc",
    "aarch64-pc-windows-msvc",
]
LOWEST = ["tests/client/fit", "tests/client/files", "tests/mcp_server", "tests/cli/test_main.py", "tests/wire"]
UNTRIED = [12.0, 12.1, 12.2, 12.3]
"""The minor versions of Pillow between the lowest and the one that the fast lane runs with."""


def resolved(tool: Callable[..., str], platform: str, pythons: list[str], *words: str) -> list[str]:
    """For each Python what uv would install. At the same time, since most of it is waiting for the registry."""

    def compiled(python: str) -> str:
        return tool("uv", *COMPILE, "--python-platform", platform, "--python-version", python, *words)

    with ThreadPoolExecutor(len(pythons)) as pool:
        return [*pool.map(compiled, pythons)]


@pytest.mark.parametrize(
    ("platform", "pythons", "pays"),
    [
        pytest.param("x86_64-manylinux_2_28", PYTHONS, WITH_ETH_ACCOUNT, id="linux-x64"),
        pytest.param("aarch64-manylinux_2_28", PYTHONS, WITH_ETH_ACCOUNT, id="linux-arm"),
        pytest.param(OLD_LINUX[0], PYTHONS[:-1], WITH_ETH_ACCOUNT, id="old-linux-x64"),
        pytest.param(OLD_LINUX[1], PYTHONS[:-1], WITH_ETH_ACCOUNT, id="old-linux-arm"),
        pytest.param("x86_64-unknown-linux-musl", PYTHONS, WITH_ETH_ACCOUNT, id="alpine-x64"),
        pytest.param("aarch64-unknown-linux-musl", PYTHONS, WITH_ETH_ACCOUNT, id="alpine-arm"),
        pytest.param("x86_64-apple-darwin", PYTHONS, WITH_ETH_ACCOUNT, id="macos-intel"),
        pytest.param("aarch64-apple-darwin", PYTHONS, WITH_ETH_ACCOUNT, id="macos-arm"),
        pytest.param("x86_64-pc-windows-msvc", PYTHONS, WITH_ETH_ACCOUNT, id="windows-x64"),
        pytest.param("i686-pc-windows-msvc", PYTHONS, [], id="windows-32-bit"),
        pytest.param("aarch64-pc-windows-msvc", PYTHONS, [], id="windows-arm"),
    ],
)
def test_it_installs_from_wheels_and_pays_where_eth_account_has_them(
    platform: str, pythons: list[str], pays: list[str], tool: Callable[..., str]
):
    found = zip(pythons, resolved(tool, platform, pythons, *WHEELS), strict=True)
    paying = [python for python, packages in found if re.search("^eth-account==", packages, re.MULTILINE)]
    assert paying == pays


@pytest.mark.parametrize("platform", OLD_LINUX)
def test_python_3_15_on_a_linux_before_glibc_2_27_has_no_pillow(platform: str, tool: Callable[..., str]):
    with pytest.raises(AssertionError, match=r"pillow>=[\d.]+ has no usable wheels"):
        resolved(tool, platform, ["3.15"], *WHEELS)


@pytest.mark.parametrize("platform", MODERN)
def test_an_installer_that_may_also_compile_has_nothing_to_compile(platform: str, tool: Callable[..., str]):
    """Left alone, pip and uv take the newest version, even where it has no wheel and an older one has."""
    assert resolved(tool, platform, PYTHONS) == resolved(tool, platform, PYTHONS, *WHEELS)


@pytest.mark.parametrize("platform", MODERN)
def test_the_pinned_versions_have_wheels_for_each_system(platform: str, tool: Callable[..., str]):
    pinned = resolved(tool, platform, PYTHONS, *WHEELS, "--constraints", "constraints.txt")
    assert [packages for packages in pinned if "mcp==" not in packages] == []


@pytest.fixture
def lowest(tool: Callable[..., str], tmp_path: Path) -> Path:
    """A Python with the lowest versions that pyproject.toml names."""
    python = tmp_path / "lowest/bin/python"
    tool("uv", "venv", "--quiet", tmp_path / "lowest")
    words = ["--resolution", "lowest-direct", "--python", python, "--editable", ".[host,dev]"]
    tool("uv", "pip", "install", "--quiet", *words)
    return python


def passes(python: Path, *paths: str) -> None:
    """A test framework that is older than another may warn about it."""
    words = ["-m", "pytest", "-q", "-n", "2", "-W", "ignore", "-p", "no:cacheprovider", "-m", "not interop"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        [python, *words, *paths], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert " passed" in ran.stdout


def test_the_lowest_versions_that_it_names_pass_its_tests(lowest: Path):
    passes(lowest, *LOWEST)


@pytest.mark.parametrize("minor", UNTRIED)
def test_each_pillow_in_between_passes_the_tests_of_fit(minor: float, lowest: Path, tool: Callable[..., str]):
    tool("uv", "pip", "install", "--quiet", "--only-binary=:all:", "--python", lowest, f"pillow=={minor}.*")
    passes(lowest, "tests/client/fit")
