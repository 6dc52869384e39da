"""Where it installs from wheels alone, without a compiler, and where it can pay."""

import re
from collections.abc import Callable

import pytest

LINUX = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28"]
MUSL = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]
MACOS = ["x86_64-apple-darwin", "aarch64-apple-darwin"]
WINDOWS, WINDOWS_ON_ARM = "x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc"
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]


@pytest.mark.parametrize("platform", [*LINUX, *MUSL, *MACOS, WINDOWS, WINDOWS_ON_ARM])
def test_it_installs_from_wheels_and_pays_where_eth_account_has_them(platform: str, tool: Callable[..., str]):
    words = ["pip", "compile", "--quiet", "--only-binary", ":all:", "--no-header", "--no-annotate"]
    found = {
        python: tool("uv", *words, "--python-platform", platform, "--python-version", python, "pyproject.toml")
        for python in PYTHONS
    }
    pays = [python for python, packages in found.items() if re.search("^eth-account==", packages, re.MULTILINE)]
    assert pays == ([] if platform == WINDOWS_ON_ARM else PYTHONS[:-1])
