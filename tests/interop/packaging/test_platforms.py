"""Where it installs from wheels alone, without a compiler, where it can pay, and next to which other packages."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.packaging.conftest import CHECKOUT

PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
WITH_ETH_ACCOUNT = PYTHONS[:-1]
COMPILE = ["pip", "compile", "--quiet", "--only-binary", ":all:", "--no-header", "--no-annotate", "--python-platform"]
OLD_LINUX = ["x86_64-manylinux2014", "aarch64-manylinux2014"]
LOWEST = ["tests/client/fit", "tests/client/files", "tests/mcp_server", "tests/cli/test_main.py", "tests/wire"]
UNTRIED = [12.0, 12.1, 12.2, 12.3]
"""The minor versions of Pillow between the lowest and the one that the fast lane runs with."""


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
    found = {python: tool("uv", *COMPILE, platform, "--python-version", python, "pyproject.toml") for python in pythons}
    paying = [python for python, packages in found.items() if re.search("^eth-account==", packages, re.MULTILINE)]
    assert paying == pays


@pytest.mark.parametrize("platform", OLD_LINUX)
def test_python_3_15_on_a_linux_before_glibc_2_27_has_no_pillow(platform: str, tool: Callable[..., str]):
    with pytest.raises(AssertionError, match=r"pillow>=[\d.]+ has no usable wheels"):
        tool("uv", *COMPILE, platform, "--python-version", "3.15", "pyproject.toml")


@pytest.fixture
def lowest(tool: Callable[..., str], tmp_path: Path) -> Path:
    """A Python with the lowest versions that pyproject.toml names."""
    python = tmp_path / "lowest/bin/python"
    tool("uv", "venv", "--quiet", tmp_path / "lowest")
    words = ["--resolution", "lowest-direct", "--python", python, "--editable", ".[host,dev]"]
    tool("uv", "pip", "install", "--quiet", *words)
    return python


def tested(python: Path, *paths: str) -> None:
    """A test framework that is older than another may warn about it."""
    words = ["-m", "pytest", "-q", "-n", "2", "-W", "ignore", "-p", "no:cacheprovider", "-m", "not interop"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        [python, *words, *paths], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert " passed" in ran.stdout


def test_the_lowest_versions_that_it_names_pass_its_tests(lowest: Path):
    tested(lowest, *LOWEST)


@pytest.mark.parametrize("minor", UNTRIED)
def test_each_pillow_in_between_passes_the_tests_of_fit(minor: float, lowest: Path, tool: Callable[..., str]):
    tool("uv", "pip", "install", "--quiet", "--only-binary=:all:", "--python", lowest, f"pillow=={minor}.*")
    tested(lowest, "tests/client/fit")
