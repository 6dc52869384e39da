"""The floor plan: which room may import which. Lazy imports count; a new edge, a circle or a second name is red."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.sources import tree_of

PACKAGE = "img402_mcp"
ROOT = Path(__file__).parent.parent / PACKAGE
LONGEST_FILE = 300
ARCHITECTURE = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")

PLAN = {
    PACKAGE: {
        "": "",
        "atomic_write": "",
        "caller": "",
        "errors": "",
        "formats": "",
        "variable_names": "errors",
        "wire": "",
        "client": "atomic_write caller errors formats variable_names wire",
        "mcp_server": "client errors variable_names wire",
        "agents": "atomic_write client errors variable_names",
        "doctor": "agents client errors formats wire",
        "host": "atomic_write errors formats variable_names wire",
        "cli": "agents caller client doctor errors host mcp_server wire",
        "__main__": "cli errors mcp_server",
    },
    f"{PACKAGE}.client": {
        "": "",
        "settings": "",
        "deadline": "",
        "private_files": "",
        "proxies": "",
        "http": "deadline proxies",
        "sqlite": "",
        "snippets": "",
        "files": "private_files settings",
        "scrub": "",
        "fit": "deadline",
        "history": "files sqlite",
        "ssrf_guard": "http",
        "verify": "deadline http ssrf_guard",
        "apis": "files http",
        "api_limits": "apis deadline files http settings",
        "image_bytes": "files fit scrub",
        "reuse": "apis files history settings verify",
        "payments": "deadline http private_files settings sqlite",
        "upload": "api_limits apis files fit history http image_bytes reuse settings snippets ssrf_guard verify",
        "token_upload": "apis files http payments reuse upload",
        "paid_image": "api_limits apis files payments upload",
        "paid_upload": "apis files http paid_image payments reuse token_upload upload",
        "io42_fees": "apis http payments settings",
        "io42_submit": "apis files http io42_fees payments settings ssrf_guard upload",
        "studio_upload": "apis files settings upload",
        "batch": "api_limits files upload",
        "publish": "batch files upload",
        "renew": "batch files history reuse upload",
        "result_text": "apis batch paid_upload payments upload",
    },
    f"{PACKAGE}.host": {
        "": "",
        "settings": "",
        "sizes": "",
        "errors": "sizes",
        "private_files": "",
        "libc": "",
        "secret_key": "private_files settings",
        "api_keys": "",
        "client_address": "settings",
        "db": "private_files",
        "rate_limits": "client_address db errors",
        "http": "client_address errors settings",
        "storage": "db errors libc private_files sizes",
        "payments": "api_keys db errors settings sizes storage",
        "refusals": "client_address errors",
        "context": "db rate_limits refusals settings storage",
        "cleanup": "context db errors rate_limits storage",
        "observability": "cleanup client_address context db errors http settings storage",
        "serving": "context errors observability storage",
        "apis": "api_keys client_address context db errors payments rate_limits refusals "
        "serving settings sizes storage",
        "pages": "payments settings sizes",
        "admin": "cleanup db errors storage",
        "app": "apis cleanup context db errors http observability pages payments private_files rate_limits "
        "secret_key serving settings storage",
    },
}
"""Of each house its rooms, and of each room those it imports. A house itself, "", is free to all of its rooms."""

HEAVY = {
    "eth_account": ("wire.evm", "client.payments", "host.payments"),
    "PIL": ("client.fit",),
    "pi_heif": ("client.fit.convertible",),
    "pyromark": ("client.publish.commonmark", "client.publish.destinations"),
    "sqlalchemy": ("host",),
    "python_multipart": ("host.storage.receive",),
    "uvicorn": ("mcp_server.asgi", "host.http", "host.observability.metrics"),
    "obstore": ("host.storage.blobs.objects",),
    "prometheus_client": ("host.observability.metrics",),
    "httpx2": ("client", "mcp_server", "host.payments"),
    "mcp": ("mcp_server", "doctor.runtime"),
    "click": ("cli",),
}
"""Other people's packages that only some rooms may know."""

TWICE: dict[str, str] = {}
"""Class names that stand in two rooms, with the reason."""


@cache
def modules() -> dict[str, ast.Module]:
    """Each parsed once: `img402_mcp.host.app` -> its tree."""
    paths = sorted(ROOT.rglob("*.py"))
    return {module_of(path): tree_of(path) for path in paths}


def module_of(path: Path) -> str:
    return ".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


@cache
def imports() -> dict[str, frozenset[str]]:
    """Module -> the modules of ours, and the packages of others, that it imports anywhere."""
    return {name: frozenset(imported(tree)) for name, tree in modules().items()}


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else str(node.module)


def room_in(house: str, module: str) -> str | None:
    """`img402_mcp.host.app` is in the room `app` of `img402_mcp.host`; None: not a module of ours."""
    if module != house and not module.startswith(f"{house}."):
        return None
    return module.removeprefix(house).removeprefix(".").partition(".")[0]


def edges(house: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, targets in imports().items():
        if (room := room_in(house, name)) is not None:
            rooms = {known for target in targets if (known := room_in(house, target)) is not None}
            found.setdefault(room, set()).update(rooms - {room, ""})
    return found


def without_leaves(known: dict[str, set[str]]) -> dict[str, set[str]]:
    """Removes leaves again and again; what is left is in a circle, or leads to one."""
    while leaves := [one for one, others in known.items() if not others & known.keys()]:
        for one in leaves:
            del known[one]
    return known


@pytest.mark.parametrize("house", PLAN)
def test_every_room_imports_exactly_what_the_plan_says(house: str):
    assert edges(house) == {room: {*known.split()} for room, known in PLAN[house].items()}


@pytest.mark.parametrize("house", PLAN)
def test_every_room_is_in_the_table_of_docs_architecture(house: str):
    _, _, text = ARCHITECTURE.partition(f"`{house.replace('.', '/')}/`:")
    table = text.partition("\n\n|")[2].partition("\n\n")[0]
    rooms = {name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`([\w./]+)`", table)}
    assert {room for room in PLAN[house] if room} - rooms == set()


@pytest.mark.parametrize("house", PLAN)
def test_the_rooms_import_each_other_without_a_circle(house: str):
    assert without_leaves(edges(house)) == {}


def test_the_modules_import_each_other_without_a_circle():
    assert without_leaves({name: {*targets} - {name} for name, targets in imports().items()}) == {}


@pytest.mark.parametrize(("package", "rooms"), HEAVY.items(), ids=HEAVY)
def test_a_heavy_package_is_imported_only_where_it_is_needed(package: str, rooms: tuple[str, ...]):
    users = {name for name, targets in imports().items() if package in {target.split(".")[0] for target in targets}}
    allowed = {f"{PACKAGE}.{room}" for room in rooms}
    assert {name for name in users if not any(f"{name}.".startswith(f"{room}.") for room in allowed)} == set()
    assert {room for room in allowed if not any(f"{name}.".startswith(f"{room}.") for name in users)} == set()


def test_no_file_is_too_long_to_be_read_at_once():
    lines = {module_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in ROOT.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_no_class_name_is_used_twice():
    homes = defaultdict(list)
    for name, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    assert {name: rooms for name, rooms in homes.items() if len(rooms) > 1 and name not in TWICE} == {}
    assert {name for name in TWICE if len(homes[name]) < 2} == set()


def test_no_room_has_a_name_that_says_nothing():
    names = {part for name in modules() for part in name.split(".")}
    assert not names & {"utils", "util", "core", "helpers", "helper", "manager", "common", "misc"}
