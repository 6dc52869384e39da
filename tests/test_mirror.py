"""The tests mirror the product: a folder for each room, a file for each module, and one test double of each kind."""

import ast
from functools import cache
from pathlib import Path

from tests.fakes.keys import ADDRESS, KEY, PAYEE, VECTOR_PAYEE
from tests.sources import tree_of

TESTS = Path(__file__).parent
ROOT = TESTS.parent / "img402_mcp"
NO_ROOMS = {
    "cli/captures": "what commands show in a terminal",
    "corpus": "draws the pictures that fitting is measured by",
    "fakes": "the doubles",
    "host/hostile": "attacks on a whole host",
    "interop": "other people's programs, across all rooms",
    "older_state": "what earlier versions left on disk",
    "samples": "small real images",
    "vectors": "messages of x402 that client and host agree on",
}
LONGEST_FILE = 400
LONGER = {
    "client/scrub/scrub_variants.py": "one table: each kind of metadata in each format",
    "cli/test_main.py": "the program as a process: what it prints, and how it starts and ends",
    "client/publish/test_publish.py": "one document on its whole way, in all its variants",
    "interop/conformance/server.py": "what the suite demands of a server, word for word",
}


@cache
def trees() -> dict[str, ast.Module]:
    """Path below tests -> the parsed file."""
    paths = [path for path in TESTS.rglob("*.py") if "__pycache__" not in path.parts]
    return {path.relative_to(TESTS).as_posix(): tree_of(path) for path in paths}


def lies_in_no_room(path: str) -> bool:
    return any(f"{path}/".startswith(f"{folder}/") for folder in NO_ROOMS)


def test_each_folder_is_named_for_a_room_of_the_product():
    files = [path for path in TESTS.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    folders = {path.parent.relative_to(TESTS).as_posix() for path in files}
    assert {folder for folder in folders if not lies_in_no_room(folder) and not (ROOT / folder).is_dir()} == set()
    assert {folder for folder in NO_ROOMS if (ROOT / folder).is_dir() or not (TESTS / folder).is_dir()} == set()


def test_each_file_is_named_for_a_module_or_says_what_else_it_tests():
    silent = set()
    for path, tree in trees().items():
        module = ROOT / path.replace("test_", "", 1)
        is_named = module.exists() or module.with_suffix("").is_dir()
        if "test_" in path and not is_named and ast.get_docstring(tree) is None:
            silent.add(path)
    assert silent == set()


def test_a_shared_double_is_written_once():
    classes = {
        path: {node.name for node in tree.body if isinstance(node, ast.ClassDef)} for path, tree in trees().items()
    }
    shared = {name for path, names in classes.items() if path.startswith("fakes/") for name in names}
    others = {path: names & shared for path, names in classes.items() if not path.startswith(("fakes/", "interop/"))}
    assert {path: names for path, names in others.items() if names} == {}


def test_a_key_and_its_address_are_written_once():
    known = (KEY, ADDRESS, PAYEE, VECTOR_PAYEE)
    texts = {path: (TESTS / path).read_text(encoding="utf-8") for path in trees()}
    assert {path for path, text in texts.items() if any(value in text for value in known)} == {"fakes/keys.py"}


def test_no_file_is_too_long_to_be_read_at_once():
    lines = {path: len((TESTS / path).read_text(encoding="utf-8").splitlines()) for path in trees()}
    assert {path for path, count in lines.items() if count > LONGEST_FILE} == {*LONGER}
