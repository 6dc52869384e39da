"""The wheel and the sdist: their metadata, what they hold, and that each works alone."""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters

from img402_mcp import __version__
from img402_mcp.mcp_server.tools import tools
from scripts.release import published
from tests.interop.packaging.conftest import ADDRESS, CHECKOUT, long_description, metadata

ONLY_IN_THE_REPOSITORY = (".ci/", ".github/")
LINKS = re.compile(r"\]\(([^)\s]+)\)")
FAST = ["tests/test_promises.py", "tests/test_floor_plan.py", "tests/test_mirror.py", "tests/client/scrub"]


def test_the_checkers_of_packages_accept_both_files(tool: Callable[..., str], built: Path, sdist: Path, wheel: Path):
    assert tool("twine", "check", "--strict", sdist, wheel).count("PASSED") == 2
    assert f"{wheel}: OK" in tool("check_wheel_contents", wheel)
    assert "Valid" in tool("validate_pyproject", "pyproject.toml")


def test_the_metadata_says_who_made_it_and_where_it_runs(wheel: Path):
    said = metadata(wheel)
    assert (said["Name"], said["Author"], said["License-Expression"]) == (
        "img402-mcp",
        "img402-mcp contributors",
        "MIT",
    )
    classifiers = said.get_all("Classifier", [])
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 15)} <= set(classifiers)
    systems = {name.split(" :: ")[-1] for name in classifiers if name.startswith("Operating System")}
    assert systems == {"Linux", "MacOS", "Windows"}


def test_without_an_address_the_long_description_links_to_no_repository(wheel: Path):
    links = LINKS.findall(long_description(wheel))
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
    assert metadata(wheel).get_all("Project-URL") is None


def test_with_an_address_each_link_of_the_readme_leads_there(tool: Callable[..., str], addressed: Path, tmp_path: Path):
    tool("build", "--wheel", "--outdir", tmp_path / "dist", cwd=addressed)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    readme = LINKS.findall(published((CHECKOUT / "README.md").read_text(encoding="utf-8"), ADDRESS))
    pictures = {link: f"{ADDRESS}/raw/main/{link}" for link in readme if link.endswith(".png")}
    pages = {link: f"{ADDRESS}/blob/main/{link}" for link in readme if not link.startswith("https://")} | pictures
    assert LINKS.findall(long_description(wheel)) == [pages.get(link, link) for link in readme]
    urls = dict(line.split(", ") for line in metadata(wheel).get_all("Project-URL", []))
    assert urls["Repository"] == ADDRESS
    assert all(url.startswith(ADDRESS) for url in urls.values())


FORMS = {
    "[![Demo](pages/a.png)](pages/a.md)": "[![Demo]({0}/raw/main/pages/a.png)]({0}/blob/main/pages/a.md)",
    '[a](pages/a.md "A title")': '[a]({0}/blob/main/pages/a.md "A title")',
    "[`a[0]`](./pages/a.md#b)": "[`a[0]`]({0}/blob/main/pages/a.md#b)",
    "[a](#b) [c](mailto:d@e.example) [f](https://g.example)": "[a](#b) [c](mailto:d@e.example) [f](https://g.example)",
}


def test_each_form_of_a_link_leads_to_the_address(tool: Callable[..., str], addressed: Path, tmp_path: Path):
    (addressed / "README.md").write_text("\n".join(FORMS))
    tool("build", "--wheel", "--outdir", tmp_path / "dist", cwd=addressed)
    written = long_description(next((tmp_path / "dist").glob("*.whl")))
    assert written.splitlines() == [form.format(ADDRESS) for form in FORMS.values()]


@pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="this is not a checkout")
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_sdist_holds_each_file_of_the_repository(sdist: Path):
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    wanted = {name for name in tracked.stdout.split("\0") if name and not name.startswith(ONLY_IN_THE_REPOSITORY)}
    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers()}
    assert wanted - held == set()
    assert held - wanted == {"PKG-INFO"}


def test_the_sdist_demos_and_tests_from_itself(unpacked: Path):
    for command in (["scripts/demo"], ["scripts/test", *FAST]):
        ended = subprocess.run(command, cwd=unpacked, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


async def test_the_wheel_alone_starts_lists_and_uploads(
    tool: Callable[..., str],
    wheel: Path,
    settings: dict[str, str],
    screenshot: Path,
    host: str,
    tmp_path: Path,
):
    tool("uv", "venv", "--quiet", tmp_path / "fresh")
    tool("uv", "pip", "install", "--quiet", "--only-binary=:all:", "--python", tmp_path / "fresh", wheel)
    program = str(tmp_path / "fresh/bin/img402-mcp")
    parameters = StdioServerParameters(command=program, env=settings | {"HOME": str(tmp_path)}, cwd="/")
    async with Client(parameters) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [tool.name for tool in tools()]
        answer = (await client.call_tool("upload_free", {"path": str(screenshot), "fresh": True})).structured_content
    assert answer is not None
    assert answer["url"].startswith(host)
    async with httpx2.AsyncClient() as web:
        assert (await web.get(answer["url"])).headers["Content-Type"] == "image/png"


def test_uvx_runs_the_wheel(tool: Callable[..., str], wheel: Path):
    assert __version__ in tool("uv", "tool", "run", "--from", wheel, "img402-mcp", "--version")


def test_uvx_in_a_checkout_runs_what_is_there_now(tool: Callable[..., str], unpacked: Path):
    command = ["uv", "tool", "run", "--from", ".", "img402-mcp", "--version"]
    assert f"img402-mcp {__version__}\n" in tool(*command, cwd=unpacked)
    package = unpacked / "img402_mcp/__init__.py"
    package.write_text(package.read_text().replace(__version__, "9.8.7"))
    assert "img402-mcp 9.8.7\n" in tool(*command, cwd=unpacked)


def test_what_the_readme_says_to_run_in_a_checkout_runs(programs: Path, tmp_path: Path):
    block = re.search(r"<!-- install -->.*?```sh\n(.*?)```", (CHECKOUT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block
    here = {"PIPX_HOME": f"{tmp_path}/pipx", "PIPX_BIN_DIR": f"{tmp_path}/bin"}
    environment = os.environ | here | {"PATH": f"{programs}:{tmp_path}/bin:{os.environ['PATH']}"}
    lines = [line.partition("#")[0].split() for line in block[1].splitlines()]
    assert [words[0] for words in lines] == ["uvx", "pipx"]
    pipx = [str(programs / "python"), "-m", *lines[1]]
    for words in ([*lines[0], "--version"], pipx, ["img402-mcp", "--version"]):
        ended = subprocess.run(words, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "img402-mcp" in ended.stdout
    assert ended.stdout == f"img402-mcp {__version__}\n"
