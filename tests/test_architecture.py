"""docs/architecture.md and adding-an-api.md name files, functions and tests that exist, and leave none out."""

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.sources import tree_of

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "img402_mcp"
BASES = (ROOT, PACKAGE, PACKAGE / "client", PACKAGE / "host")
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
BOTH = PAGE + (ROOT / "docs" / "adding-an-api.md").read_text(encoding="utf-8")
QUOTED = frozenset(re.findall(r"`([^`\n]+)`", BOTH))
PLACED = sorted(set(re.findall(r"`([\w/]+\.py)` `([\w.]+)`", BOTH)))
"""A file, and what is said to be in it."""
INVARIANTS = range(1, 11)
BESIDE_THE_LOOP = {"run_sync", "open_process", "getaddrinfo", "Popen", "Thread", "Timer"}
"""Calls that start a thread or a child, or put work into one."""


@cache
def names_in(path: Path) -> frozenset[str]:
    """What a file defines: `Uploader`, `Uploader.upload`, `open_uploader`, `WRITERS`."""
    return frozenset(name for node in tree_of(path).body for name in _defined(node))


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    if isinstance(node, ast.ClassDef):
        yield from (f"{node.name}.{name}" for inner in node.body for name in _defined(inner))
    if isinstance(node, ast.Assign | ast.AnnAssign):
        yield from (
            each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        )


@cache
def names_in_all(folder: Path) -> frozenset[str]:
    return frozenset().union(*(names_in(path) for path in folder.rglob("*.py")))


def names_of_all_tests() -> frozenset[str]:
    """By their text: to parse every test takes two seconds."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for text in texts for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))


def called_in(path: Path) -> set[str]:
    calls = [node.func for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


def test_every_named_file_and_folder_exists():
    paths = {name for name in QUOTED if re.fullmatch(r"[\w./-]*\w(/|\.py|\.md)", name)}
    assert {name for name in paths if not any((base / name).exists() for base in BASES)} == set()
    assert len(paths) > 90


@pytest.mark.parametrize(("file", "name"), PLACED)
def test_every_name_is_in_the_file_that_the_page_says(file: str, name: str):
    assert name in names_in(PACKAGE / file)


def test_every_named_function_class_and_constant_is_defined():
    names = {name for name in QUOTED if re.fullmatch(r"_?[a-z]+_\w+|_?[A-Z][a-z]+\w*(\.\w+)?|_?[A-Z]+_[A-Z_]+", name)}
    tests = {name for name in names if name.startswith("test_")}
    assert names - tests - names_in_all(PACKAGE) == set()
    assert tests - names_of_all_tests() == set()


@pytest.mark.parametrize("number", INVARIANTS)
def test_every_invariant_names_a_test_that_holds_it(number: int):
    (text,) = re.findall(rf"^{number}\. \*\*.*?(?=^\d+\. |^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert "`test_" in text


def test_every_test_that_cites_an_invariant_cites_one_of_the_page():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    assert {int(number) for text in texts for number in re.findall(r"(?i)invariant[ _](\d+)", text)} == {*INVARIANTS}


def test_every_file_that_runs_work_outside_the_event_loop_is_in_the_list():
    files = {path for path in PACKAGE.rglob("*.py") if called_in(path) & BESIDE_THE_LOOP}
    assert {file for path in files if (file := path.relative_to(PACKAGE).as_posix()) not in QUOTED} == set()


def test_every_error_that_a_docstring_names_as_raised_exists():
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    lists = [
        found for text in texts for found in re.findall(r"[Rr]aises ([A-Z]\w+(?:(?:, | and | or )[A-Z]\w+)*)", text)
    ]
    raised = {name for found in lists for name in re.findall(r"[A-Z]\w+", found)}
    assert raised - names_in_all(PACKAGE) - {*dir(builtins)} == set()
    assert "SettingsError" in raised
