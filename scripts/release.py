"""What a release needs next to the wheel and the sdist: the bundle, `server.json`, and the README's way to install.

    release.py bundle [FILE]    packs the MCP bundle (dist/img402-mcp-VERSION.mcpb) and prints what is in it
    release.py server-json      prints the entry for the MCP registry
    release.py readme           writes the README's way to install, with its buttons

Name, version and description come from pyproject.toml and the package; the address from `repository` in
pyproject.toml, the one place. As long as that is empty nothing is written that names a package or an owner, since
somebody else could register it.
"""

import json
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

if sys.version_info < (3, 11):  # noqa: UP036  # an older one is told so
    sys.exit("Python 3.11 or newer is needed; name one by PYTHON=/path/to/python3")
import tomllib

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
NAME: str = PROJECT["name"]
PACKAGE = ROOT / "img402_mcp"
ICON = "docs/pictures/icon.png"
API = "https://img402.dev"
ADDRESS = re.compile(rf"https://github\.com/(?P<owner>[A-Za-z\d](?:-?[A-Za-z\d])*)/{NAME}")


REPOSITORY: str = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
VERSION: str = re.findall(
    r'^__version__ = "(.+)"$', (PACKAGE / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
)[0]


# The registry and the README


def registry_name(address: str) -> str:
    """The server's name in the MCP registry, which checks that its package's long description holds it."""
    if not (found := ADDRESS.fullmatch(address)):
        raise SystemExit(
            f"`repository` in pyproject.toml is {json.dumps(address)}. The registry names a server after its owner, so "
            f"set it to https://github.com/OWNER/{NAME} first."
        )
    return f"io.github.{found['owner']}/{NAME}"


VARIABLES: list[dict[str, Any]] = [
    {
        "name": "IMG402_ALLOW_DIRS",
        "description": "The folders that images may be read from, separated as in PATH.",
        "format": "filepath",
        "placeholder": "/absolute/path/to/your/screenshots",
    },
    {"name": "IMG402_API_URL", "description": "The API that images go to.", "default": API},
    {
        "name": "IMG402_KEEP",
        "description": "Make free uploads fit what the API keeps longest.",
        "choices": ["on", "off"],
        "default": "off",
    },
    {
        "name": "IMG402_WALLET_FILE",
        "description": "An encrypted keystore. With it the server can pay for uploads.",
        "format": "filepath",
    },
    {
        "name": "IMG402_WALLET_PASSWORD_FILE",
        "description": "A file with the keystore's password.",
        "format": "filepath",
    },
    {"name": "IMG402_WALLET_PASSWORD", "description": "The keystore's password.", "isSecret": True},
    {
        "name": "IMG402_MAX_PAYMENT",
        "description": "The most that one payment may cost, in USDC.",
        "format": "number",
        "default": "0.01",
    },
    {
        "name": "IMG402_DAILY_BUDGET",
        "description": "The most that may be signed within 24 hours, in USDC.",
        "format": "number",
        "default": "1.00",
    },
    {
        "name": "IMG402_APPROVE",
        "description": "ask: the user is asked before each payment.",
        "choices": ["auto", "ask"],
        "default": "auto",
    },
]


def server_json(address: str) -> dict[str, Any]:
    return {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": registry_name(address),
        "title": "img402",
        "description": PROJECT["description"],
        "repository": {"url": address, "source": "github"},
        "version": VERSION,
        "packages": [
            {
                "registryType": "pypi",
                "identifier": NAME,
                "version": VERSION,
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "environmentVariables": [{"isRequired": False, "isSecret": False} | each for each in VARIABLES],
            }
        ],
    }


INSTALL = re.compile(r"(?<=<!-- install -->\n).*?(?=<!-- /install -->)", re.DOTALL)
AGENT = {"command": "uvx", "args": [NAME]}
PUBLISHED = """\
<!-- mcp-name: {name} -->

[Add to Cursor]({cursor}) · [Add to VS Code]({vscode}) · [Bundle for Claude Desktop]({address}/releases/latest)

```sh
uvx {package}            # runs the server without installing it, with uv
pipx install {package}   # installs the command
```

"""


def published(text: str, address: str) -> str:
    """The README with the way to install from the registry. Without an address it stays as it is."""
    if not address:
        return text
    links = {
        "cursor": f"https://cursor.com/en/install-mcp?name=img402&config={quote(b64encode(compact(AGENT).encode()))}",
        "vscode": f"https://insiders.vscode.dev/redirect/mcp/install?name=img402&config={quote(compact(AGENT))}",
    }
    block = PUBLISHED.format(name=registry_name(address), address=address, package=NAME, **links)
    return INSTALL.sub(lambda _: block, text)


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# The bundle


def manifest(address: str) -> dict[str, Any]:
    """The user's folders are arguments: a list of them becomes several arguments, but is not put into a variable."""
    repository = {"type": "git", "url": address}
    links = {"repository": repository, "homepage": address, "support": f"{address}/issues"} if address else {}
    return {
        "manifest_version": "0.4",
        "name": NAME,
        "display_name": "img402",
        "version": VERSION,
        "description": PROJECT["description"],
        "author": {"name": PROJECT["authors"][0]["name"]},
        "license": PROJECT["license"],
        "keywords": PROJECT["keywords"],
        "icon": "icon.png",
        **links,
        "server": {
            "type": "uv",
            "entry_point": "img402_mcp/__main__.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", NAME, "serve", "${user_config.folders}"],
                "env": {"IMG402_API_URL": "${user_config.api_url}"},
            },
        },
        "tools_generated": True,
        "compatibility": {
            "platforms": ["darwin", "linux", "win32"],
            "runtimes": {"python": PROJECT["requires-python"]},
        },
        "user_config": {
            "folders": {
                "type": "directory",
                "title": "Folders with images",
                "description": "Images in these folders may be uploaded, and are public then. If you choose none: the "
                "folder that your system keeps for screenshots, and the temporary folders.",
                "multiple": True,
                "required": False,
                "default": [],
            },
            "api_url": {
                "type": "string",
                "title": "API",
                "description": "The address that images are uploaded to: img402.dev, or a host of your own.",
                "required": False,
                "default": API,
            },
        },
    }


def pyproject() -> str:
    """Only what installs the package, so that uv does not look at what tests and hosts need."""
    build, scripts = PYPROJECT["build-system"], PROJECT["scripts"]
    project = {key: PROJECT[key] for key in ("name", "requires-python", "dependencies")} | {"version": VERSION}
    tables = {"build-system": build, "project": project, "project.scripts": scripts}
    return "\n".join(line for name, table in tables.items() for line in toml(name, table))


def toml(name: str, table: dict[str, Any]) -> Iterator[str]:
    """JSON's strings and lists are TOML's, too."""
    yield f"[{name}]"
    yield from (f"{key} = {json.dumps(value)}" for key, value in table.items())
    yield ""


def contents() -> dict[str, bytes]:
    files = sorted(path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {
        "manifest.json": json.dumps(manifest(REPOSITORY), indent=2).encode(),
        "pyproject.toml": pyproject().encode(),
        "icon.png": (ROOT / ICON).read_bytes(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        **{path.relative_to(ROOT).as_posix(): path.read_bytes() for path in files},
    }


def bundle(file: Path) -> None:
    """The same contents give the same file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    held = contents()
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in held.items():
            member = ZipInfo(name)
            member.external_attr = 0o644 << 16
            archive.writestr(member, data, ZIP_DEFLATED)
    unpacked = sum(map(len, held.values()))
    print(f"{file}: {file.stat().st_size:,} bytes, {unpacked:,} unpacked, {len(held)} files")


def readme() -> None:
    registry_name(REPOSITORY)
    file = ROOT / "README.md"
    file.write_text(published(file.read_text(encoding="utf-8"), REPOSITORY), encoding="utf-8")


def main() -> None:
    word, *rest = sys.argv[1:] or [""]
    if word == "bundle" and len(rest) < 2:
        bundle(Path(rest[0]) if rest else ROOT / "dist" / f"{NAME}-{VERSION}.mcpb")
    elif sys.argv[1:] == ["server-json"]:
        print(json.dumps(server_json(REPOSITORY), indent=2))
    elif sys.argv[1:] == ["readme"]:
        readme()
    else:
        sys.exit("Usage: release.py bundle [FILE] | server-json | readme")


if __name__ == "__main__":
    main()
