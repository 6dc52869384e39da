"""The floor plan: which room may know of which. Lazy imports count; a new edge or a circle is red."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "img402_mcp"

PLAN = {
    "": "",
    "errors": "",
    "ethereum": "",
    "formats": "",
    "wire": "",
    "config": "errors wire",
    "database": "errors",
    "history": "database errors",
    "snippets": "",
    "sending": "errors",
    "images": "errors formats",
    "payments": "database errors ethereum sending wire",
    "named_urls": "errors sending",
    "verifying": "errors named_urls sending",
    "services": "errors formats images sending wire",
    "memory": "config errors images history services verifying",
    "stated": "errors sending services wire",
    "upload": "config errors formats images history memory named_urls sending services snippets stated verifying",
    "batch": "errors images upload",
    "completion": "",
    "diagnosis": "config errors formats images history paid payments sending services wire",
    "markdown": "batch errors images upload",
    "foreign_token": "config errors images memory sending services upload",
    "paid": "config errors foreign_token images memory payments sending services upload wire",
    "submitting": "config errors images named_urls paid payments sending services upload wire",
    "inputs": "errors images services upload wire",
    "tools": "batch config errors foreign_token inputs history markdown paid payments services submitting upload wire",
    "server": "config images inputs paid submitting tools upload",
    "serve": "config errors server",
    "commands": "batch completion config demo diagnosis errors host images history markdown paid payments sending serve "
    "snippets tools upload wire",
    "cli": "commands",
    "__main__": "cli config errors serve",
    "demo": "",
    "host": "errors ethereum formats wire",
}
"""Room -> the rooms it imports. The package itself, which holds the version, is free to all."""

HEAVY = {
    "eth_account": ("ethereum", "payments", "host"),
    "PIL": ("images", "demo"),
    "pyromark": ("markdown",),
    "justhtml": ("markdown",),
    "sqlalchemy": ("host",),
    "python_multipart": ("host",),
    "uvicorn": ("serve", "host"),
    "obstore": ("host",),
    "prometheus_client": ("host",),
    "httpx2": ("sending", "named_urls", "demo", "upload", "submitting", "server", "host"),
}
"""Other people's packages that only some rooms may know."""


def room_of(module: str) -> str:
    """`img402_mcp.host.app` -> `host`."""
    return [*module.split("."), ""][1]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(("img402_mcp", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module":
            yield "img402_mcp.cli"
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if is_module(whole) else str(node.module)


def is_module(name: str) -> bool:
    """`from img402_mcp import config` names a room, `from img402_mcp import __version__` does not."""
    path = ROOT.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.joinpath("__init__.py").exists()


def edges() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, tree in modules():
        rooms = {room_of(target) for target in imported(tree) if target.split(".")[0] == "img402_mcp"}
        found.setdefault(room_of(name), set()).update(rooms - {room_of(name), ""})
    return found


def test_every_room_imports_just_what_the_plan_says():
    assert edges() == {room: {*known.split()} for room, known in PLAN.items()}


def test_no_circle_runs_through_the_rooms():
    known = edges()
    while leaves := [room for room, rooms in known.items() if not rooms & known.keys()]:
        for room in leaves:
            del known[room]
    assert known == {}


def test_no_circle_runs_through_the_modules_of_a_room():
    known = {name: {*imported(tree)} for name, tree in modules()}
    while leaves := [name for name, targets in known.items() if not targets & known.keys()]:
        for name in leaves:
            del known[name]
    assert known == {}


@pytest.mark.parametrize(("package", "rooms"), HEAVY.items(), ids=HEAVY)
def test_a_heavy_package_is_known_only_where_it_is_needed(package: str, rooms: tuple[str, ...]):
    users = {
        room_of(name) for name, tree in modules() if package in {target.split(".")[0] for target in imported(tree)}
    }
    assert users <= {*rooms}


def test_no_room_has_a_name_that_says_nothing():
    names = {part for name, _ in modules() for part in name.split(".")}
    assert not names & {"utils", "util", "core", "helpers", "helper", "manager", "common", "misc"}
