"""What a release writes: the registry's entry, the README's way to install, and the bundle's manifest."""

import json
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

import pytest

from img402_mcp import __version__
from img402_mcp.client.settings.names import CLIENT_VARIABLES
from img402_mcp.client.settings.variables import HOSTED_API
from scripts import release

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "https://github.com/them/img402-mcp"
LINKS = re.compile(r"\]\((https://(?:cursor\.com|insiders\.vscode\.dev)/[^)]+)\)")
COPIED = ("README.md", "LICENSE", "pyproject.toml", "scripts/release.py", "img402_mcp/__init__.py", release.ICON)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """As much of the checkout as a release reads."""
    for name in COPIED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def run(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(copy / "scripts/release.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def with_address(copy: Path) -> Path:
    settings = copy / "pyproject.toml"
    settings.write_text(re.sub(r"(?m)^repository = .*$", f'repository = "{ADDRESS}"', settings.read_text()))
    return copy


def configurations(text: str) -> dict[str, object]:
    """Host -> what its button hands to the agent."""
    found = {}
    for link in map(urlsplit, LINKS.findall(text)):
        query = {name: value for name, (value,) in parse_qs(link.query, strict_parsing=True).items()}
        assert query["name"] == "img402"
        text = query["config"]
        found[link.netloc] = json.loads(text if text.startswith("{") else b64decode(text, validate=True))
    return found


def test_the_readme_says_what_the_address_says():
    assert release.published(README, release.REPOSITORY) == README


def test_without_an_address_nothing_names_a_package_that_somebody_else_could_register():
    assert release.published(README, "") == README
    if not release.REPOSITORY:
        assert LINKS.findall(README) == []
        assert "mcp-name: io" not in README
        assert not re.search(r"(?:uvx|pipx? install) img402-mcp", README)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("", id="none"),
        pytest.param("https://github.com/img402-mcp", id="no-owner"),
        pytest.param("https://github.com/them/img402-mcp/", id="slash-at-its-end"),
        pytest.param("https://github.com/them/other", id="other-name"),
        pytest.param("https://github.com/-them/img402-mcp", id="no-name-of-an-owner"),
        pytest.param("https://git.example/them/img402-mcp", id="other-host"),
        pytest.param("http://github.com/them/img402-mcp", id="no-tls"),
    ],
)
def test_an_address_that_the_registry_cannot_check_is_refused(address: str):
    with pytest.raises(SystemExit, match="set it to https://github.com/OWNER/img402-mcp first"):
        release.server_json(address)


@pytest.mark.parametrize("word", ["server-json", "readme"])
def test_without_an_address_the_program_refuses_in_one_sentence_and_writes_nothing(word: str, copy: Path):
    settings = copy / "pyproject.toml"
    settings.write_text(re.sub(r"(?m)^repository = .*$", 'repository = ""', settings.read_text()))
    before = (copy / "README.md").read_text(encoding="utf-8")
    ended = run(copy, word)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith('`repository` in pyproject.toml is "". ')
    assert ended.stderr.count("\n") == 1
    assert (copy / "README.md").read_text(encoding="utf-8") == before


def test_with_an_address_all_name_the_same_server(copy: Path):
    written = run(with_address(copy), "readme")
    assert (written.returncode, written.stderr) == (0, "")
    readme = (copy / "README.md").read_text(encoding="utf-8")
    entry = json.loads(run(copy, "server-json").stdout)
    (name,) = re.findall("<!-- mcp-name: (.*) -->", readme)
    assert (entry["name"], entry["repository"]["url"], entry["version"]) == (name, ADDRESS, __version__)
    assert name == "io.github.them/img402-mcp"
    assert entry["packages"][0]["version"] == __version__
    assert "not published" not in readme


def test_writing_the_readme_again_changes_nothing(copy: Path):
    for _ in range(2):
        run(with_address(copy), "readme")
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert readme == release.published(README, ADDRESS)


def test_both_buttons_hand_the_same_command_to_the_agent():
    started = {"command": "uvx", "args": ["img402-mcp"]}
    assert configurations(release.published(README, ADDRESS)) == {
        "cursor.com": started,
        "insiders.vscode.dev": started,
    }


def test_the_entry_names_no_registry_and_is_short_enough():
    entry = release.server_json(ADDRESS)
    (package,) = entry["packages"]
    assert len(entry["description"]) <= 100
    assert (package["registryType"], package["identifier"]) == ("pypi", "img402-mcp")
    assert "registryBaseUrl" not in package


def test_each_variable_of_the_entry_exists_with_the_default_of_the_docs():
    rows = re.findall(r"^\| `(IMG402_\w+)` \| (.+?) \|", (ROOT / "docs/settings.md").read_text("utf-8"), re.MULTILINE)
    documented = dict(rows)
    assert {each["name"] for each in release.VARIABLES} <= CLIENT_VARIABLES.known
    stated = {each["name"]: f"`{each['default']}`" for each in release.VARIABLES if "default" in each}
    assert stated == {name: documented[name] for name in stated}


def test_only_what_is_a_secret_is_declared_as_one():
    secrets = {each["name"] for each in release.VARIABLES if each.get("isSecret")}
    words = re.compile("KEY|TOKEN|PASSWORD$")
    assert secrets == {each["name"] for each in release.VARIABLES if words.search(each["name"])}


def test_the_bundle_asks_for_folders_and_the_api_and_says_what_it_is():
    manifest = release.manifest("")
    assert manifest["version"] == __version__
    assert manifest["user_config"]["api_url"]["default"] == HOSTED_API
    kinds = {name: (each["type"], each.get("multiple", False)) for name, each in manifest["user_config"].items()}
    assert kinds == {"folders": ("directory", True), "api_url": ("string", False)}
    assert "github.com" not in json.dumps(manifest)
    assert release.manifest(ADDRESS)["repository"] == {"type": "git", "url": ADDRESS}


def test_the_same_contents_give_the_same_bundle(copy: Path):
    made = [copy / "one.mcpb", copy / "two.mcpb"]
    for file in made:
        ended = run(copy, "bundle", str(file))
        assert (ended.returncode, ended.stderr) == (0, "")
    assert made[0].read_bytes() == made[1].read_bytes()
    with ZipFile(made[0]) as archive:
        assert archive.testzip() is None
        named = {"manifest.json", "pyproject.toml", "icon.png", "LICENSE", "img402_mcp/__init__.py"}
        assert {*archive.namelist()} == named


def test_an_unknown_word_is_answered_with_the_usage(copy: Path):
    ended = run(copy, "publish")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "Usage: release.py bundle [FILE] | server-json | readme\n"
