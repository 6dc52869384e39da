"""Every sentence that a tool, a command or the host can say stands in one file, so that wording is read in one place.

The file is written by this test. Where it differs from what is committed the test is red once: read the difference as
its readers will, and commit it. Other tests assert the kind of an error and the parts that vary.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import tree_of

REPOSITORY = Path(__file__).parent.parent
ROOT = REPOSITORY / "img402_mcp"
GOLDEN = Path(__file__).with_name("messages.txt")
FEWEST_WORDS = 3
PAGES = sorted(
    [REPOSITORY / "README.md", REPOSITORY / "SECURITY.md", *(REPOSITORY / "docs").rglob("*.md")],
)
_NO_SENTENCE = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|PRAGMA|BEGIN|WITH|origin =|state |HTTP/|<|\(\?|#)"
)


def messages() -> Iterator[str]:
    """`room: sentence`, with what varies in braces."""
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).with_suffix("").as_posix()
        for sentence in dict.fromkeys(sentences(tree_of(path))):
            yield f"{room}: {sentence}"


def sentences(tree: ast.Module) -> Iterator[str]:
    skipped = {id(part) for node in ast.walk(tree) for part in _no_message(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in skipped:
            sentence = " ".join(_template(node).split())
            if _is_sentence(sentence):
                yield sentence


def _no_message(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings but a command's, which are its help, and the parts of an f-string, which is read as a whole."""
    if not _is_command(node):
        yield from (each.value for each in ast.iter_child_nodes(node) if isinstance(each, ast.Expr))
    if isinstance(node, ast.JoinedStr):
        yield from (part for part in ast.walk(node) if part is not node)


def _is_command(node: ast.AST) -> bool:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    calls = {
        each.func.attr for each in decorators if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)
    }
    return bool(calls & {"command", "group"})


def _template(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
        for part in node.values
        if isinstance(part, ast.Constant | ast.FormattedValue)
    )


def _is_sentence(text: str) -> bool:
    words = re.findall(r"[A-Za-z][a-z]+", re.sub(r"\{[^}]*\}", " ", text))
    return len(words) >= FEWEST_WORDS and " " in text and not _NO_SENTENCE.match(text)


def test_every_message_stands_in_one_file():
    written = "\n".join(messages()) + "\n"
    known = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    if written != known:
        GOLDEN.write_text(written, encoding="utf-8")
    assert written.splitlines() == known.splitlines(), "messages changed: read the difference, then commit the file"


# What a native-speaking developer would not say aloud, and a model could misread.
_NOT_ENGLISH = re.compile(
    r"\bis no (address|number|width|path|document|id|key|image|file|URL|API)\b|(?<!there )\bis none\b"
    r"|\b(of|for) (no )?use\b|\bof then\b|\b[Ww]hoever\b|\b[Bb]eside\b|\bthe very (bytes|proof|file)\b"
    r"|\b(is|are|was|were|be|been) told\b|\btells\b|\bby way of\b|\bof its own\b|\bthe end of it\b"
    r"|\bgood for nothing\b|\banew\b|\bfrom (now|then) on it\b|\bstands (in|on|for|beside|already)\b"
    r"|\bfor its owner alone\b|\bthe user whom\b|\bon its way through\b|\bbehind the (image|end)\b"
)


@pytest.mark.parametrize("page", [GOLDEN, *PAGES], ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_messages_and_pages_are_plain_english(page: Path):
    lines = page.read_text(encoding="utf-8").splitlines()
    found = {f"{number}: {match[0]}" for number, line in enumerate(lines, 1) for match in _NOT_ENGLISH.finditer(line)}
    assert found == set()
