"""Documents under the allow-list: what is read, where a copy may be written, and what no path can reach."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from img402_mcp.client.files.copy_names import INSTRUCTION_ENDINGS, INSTRUCTIONS
from img402_mcp.client.files.documents import (
    MAX_BYTES,
    MAX_FILE_BYTES,
    OPENED,
    Document,
    opened_by_rechecking,
    place_for,
    read_document,
    write_document,
)
from img402_mcp.client.files.roots import Roots
from img402_mcp.errors import ReadRefused
from tests.client.files.world import at
from tests.fakes.posix import DEVICES, LINKS, MODES, NAMES, link, pipe

OUTSIDE = "is not inside an allowed folder"
NO_FILE = "not a regular file"
EXISTS = "`overwrite`"
NO_DOCUMENT = ".md, .markdown, .html, .htm"
NO_FOLDER = "folder that does not exist"
SWAPPED = "goes through something that is not a folder"
EMBEDDED = f"<img src='data:image/png;base64,{'A' * 2 * MAX_BYTES}'>" * 3 + "x" * (MAX_BYTES - 100)


@pytest.fixture
def allow(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "allow"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_bytes(b"# a\r\n")
    (folder.parent / "secret").mkdir()
    (folder.parent / "secret" / "s.md").write_bytes(b"secret")
    return folder


@pytest.fixture
def roots(allow: Path) -> Roots:
    return Roots.resolve([allow])


@pytest.fixture
def document(allow: Path, roots: Roots) -> Document:
    return read_document(str(allow / "a.md"), roots)


def refusal(action: Callable[[], object], path: object, roots: Roots) -> str:
    with pytest.raises(ReadRefused) as caught:
        action()
    return str(caught.value).removeprefix(f'"{path}" ').removesuffix(f" {roots.in_words()}")


def written(place: Path, document: Document, roots: Roots, *, overwrite: bool = False, text: str = "new") -> bytes:
    found = place_for(str(place), document, roots, overwrite=overwrite)
    write_document(text, found, document, roots, overwrite=overwrite)
    return place.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        pytest.param("b.MD", b"\xef\xbb\xbf# \xc3\xa4\r\n\r", "\ufeff# ä\r\n\r", id="byte-order-mark-and-line-ends"),
        pytest.param("b.markdown", b" ", " ", id="markdown"),
        pytest.param("b.html", b"<p>", "<p>", id="html"),
        pytest.param("b.htm", b"x" * MAX_BYTES, "x" * MAX_BYTES, id="as-large-as-may-be"),
        pytest.param("b.html", EMBEDDED.encode(), EMBEDDED, id="larger-by-data-uris"),
    ],
)
def test_a_document_is_read_as_it_is(allow, roots, name, content, text):
    (allow / name).write_bytes(content)
    assert at(allow, read_document, name, roots) == Document(allow / name, text)


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        pytest.param("../secret/s.md", None, OUTSIDE, id="outside"),
        pytest.param("../secret/none.md", None, OUTSIDE, id="nothing-outside"),
        pytest.param("to-secret.md", None, OUTSIDE, marks=LINKS, id="link-to-outside"),
        pytest.param("none.md", None, "does not exist", id="missing"),
        pytest.param("folder.md", None, "is a folder", id="folder"),
        pytest.param("pipe.md", None, NO_FILE, marks=DEVICES, id="pipe"),
        pytest.param("key.pem", b"-----BEGIN", NO_DOCUMENT, id="other-name"),
        pytest.param(".md", b"x", NO_DOCUMENT, id="no-name"),
        pytest.param("b.md", b"a\xff", "is not UTF-8 at byte 1;", id="not-utf-8"),
        pytest.param("b.md", b"\xff\xfea\0", "is UTF-16;", id="utf-16-little"),
        pytest.param("b.md", b"\xfe\xff\0a", "is UTF-16;", id="utf-16-big"),
        pytest.param("b.md", "# ä 東京 ab".encode("utf-16-le"), "is UTF-16;", id="utf-16-without-a-mark"),
        pytest.param("b.md", "<p>ab".encode("utf-16-be"), "is UTF-16;", id="utf-16-big-without-a-mark"),
        pytest.param("b.md", "![a](b.png)".encode("utf-32"), "is UTF-32;", id="utf-32"),
        pytest.param("b.md", "![a](b.png)".encode("utf-32-be"), "is UTF-32;", id="utf-32-without-a-mark"),
        pytest.param("b.md", b"![a](b.png) \0", "holds a zero byte", id="zero"),
        pytest.param(
            "b.md",
            b"",
            "is empty: still being written",
            id="empty",
        ),
        pytest.param(
            "b.md", b"x" * (MAX_BYTES + 1), "has 1,000,001 bytes without its data: URIs, and a document", id="too-long"
        ),
        pytest.param(
            "b.md",
            b"x" * (MAX_FILE_BYTES + 1),
            "has 16,000,001 bytes, and at most 16,000,000 can be read as a document",
            id="too-large",
        ),
    ],
)
def test_anything_but_a_document_in_the_allowed_folders_is_refused_with_the_reason(allow, roots, path, content, said):
    link(allow / "to-secret.md", "../secret/s.md")
    (allow / "folder.md").mkdir()
    pipe(allow / "pipe.md")
    if content is not None:
        (allow / path).write_bytes(content)
    named = allow / path
    assert said in refusal(lambda: read_document(str(named), roots), named, roots)


@MODES
def test_a_copy_is_written_whole_and_leaves_no_other_file(allow, roots, document):
    before = os.umask(0o027)
    try:
        assert written(allow / "sub" / "b.md", document, roots, text="\ufeffä\r\n") == b"\xef\xbb\xbf\xc3\xa4\r\n"
    finally:
        os.umask(before)
    assert list((allow / "sub").iterdir()) == [allow / "sub" / "b.md"]
    assert stat.S_IMODE((allow / "sub" / "b.md").stat().st_mode) == 0o640


@MODES
def test_overwriting_replaces_the_file_and_keeps_its_permissions(allow, roots, document):
    (allow / "a.md").chmod(0o604)
    assert written(allow / "a.md", document, roots, overwrite=True) == b"new"
    assert stat.S_IMODE((allow / "a.md").stat().st_mode) == 0o604
    assert sorted(allow.iterdir()) == [allow / "a.md", allow / "sub"]


def test_a_hard_link_is_replaced_and_the_file_outside_stays(allow, roots, document):
    os.link(allow.parent / "secret" / "s.md", allow / "b.md")
    assert written(allow / "b.md", document, roots, overwrite=True) == b"new"
    assert (allow.parent / "secret" / "s.md").read_bytes() == b"secret"


@DEVICES
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("../secret/b.md", OUTSIDE, id="outside"),
        pytest.param("sub/../../secret/b.md", OUTSIDE, id="outside-by-dots"),
        pytest.param("to-secret/b.md", OUTSIDE, marks=LINKS, id="linked-folder"),
        pytest.param("to-secret.md", NO_FILE, marks=LINKS, id="link-to-a-file-outside"),
        pytest.param("to-new-secret.md", NO_FILE, marks=LINKS, id="link-to-a-new-file-outside"),
        pytest.param("to-a.md", NO_FILE, marks=LINKS, id="link-to-a-file-inside"),
        pytest.param("folder.md", NO_FILE, id="folder"),
        pytest.param("pipe.md", NO_FILE, id="pipe"),
        pytest.param("none/b.md", NO_FOLDER, id="no-folder"),
        pytest.param("a.md/b.md", SWAPPED, id="a-file-for-a-folder"),
        pytest.param(".ssh/authorized_keys", NO_DOCUMENT, id="key"),
        pytest.param("b.py", NO_DOCUMENT, id="program"),
        pytest.param(".bashrc", NO_DOCUMENT, id="start-up-file"),
        pytest.param(".md", NO_DOCUMENT, id="ending-alone"),
        pytest.param(".b.md", "is a hidden file", id="hidden"),
        pytest.param("b.html", 'its name must end in ".md"', id="of-another-kind"),
        pytest.param("..", "names no file", id="dots"),
        pytest.param("b\0.md", "a NUL character, which no file name can have", id="zero"),
        pytest.param("x" * 300 + ".md", "a name that is too long for the file system", id="long"),
    ],
)
def test_no_path_leads_a_copy_elsewhere(allow, roots, document, path, said, overwrite):
    for name, target in {"to-secret": "../secret", "to-secret.md": "../secret/s.md", "to-a.md": "a.md"}.items():
        (allow / name).symlink_to(target)
    (allow / "to-new-secret.md").symlink_to("../secret/new.md")
    (allow / "folder.md").mkdir()
    os.mkfifo(allow / "pipe.md")
    before = sorted(allow.parent.rglob("*"))
    named = f"{allow}/{path}"
    shown = named if len(named) < 200 else named[:199] + "…"
    shown = shown.replace("\0", "\\x00")
    assert said in refusal(lambda: written(Path(named), document, roots, overwrite=overwrite), shown, roots)
    assert sorted(allow.parent.rglob("*")) == before
    assert (allow.parent / "secret" / "s.md").read_bytes() == b"secret"


def test_nothing_that_exists_is_overwritten_without_overwrite(allow, roots, document):
    assert EXISTS in refusal(lambda: written(allow / "a.md", document, roots), allow / "a.md", roots)
    assert (allow / "a.md").read_bytes() == b"# a\r\n"


@LINKS
@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda sub: (sub / "b.md").write_bytes(b"other"), EXISTS, id="a-file-came"),
        pytest.param(lambda sub: (sub / "b.md").symlink_to("../../secret/s.md"), NO_FILE, id="a-link-came"),
        pytest.param(
            lambda sub: (sub.rename(sub.parent / "old"), sub.symlink_to("../secret")), SWAPPED, id="folder-swapped"
        ),
        pytest.param(lambda sub: sub.rmdir(), NO_FOLDER, id="folder-gone"),
    ],
)
def test_what_changed_since_the_look_is_refused(allow, roots, document, change, said):
    place = place_for(str(allow / "sub" / "b.md"), document, roots, overwrite=False)
    change(allow / "sub")
    before = sorted(allow.parent.rglob("*"))
    assert said in refusal(lambda: write_document("new", place, document, roots, overwrite=False), place, roots)
    assert sorted(allow.parent.rglob("*")) == before
    assert (allow.parent / "secret" / "s.md").read_bytes() == b"secret"


def test_edits_made_meanwhile_are_not_lost(allow, roots, document):
    place = place_for(str(allow / "a.md"), document, roots, overwrite=True)
    (allow / "a.md").write_bytes(b"edited")
    said = refusal(lambda: write_document("new", place, document, roots, overwrite=True), place, roots)
    assert said.startswith("was edited while its images were being uploaded")
    assert (allow / "a.md").read_bytes() == b"edited"


@pytest.mark.parametrize("opened", [OPENED, opened_by_rechecking], ids=["by-walking", "by-rechecking"])
@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("none/b.md", NO_FOLDER, id="missing"),
        pytest.param("sub/none/deep/b.md", NO_FOLDER, id="deeply-missing"),
        pytest.param("a.md/b.md", SWAPPED, id="a-file"),
    ],
)
def test_the_folder_of_a_copy_is_there_before_anything_is_sent(allow, roots, document, path, said, opened):
    place = allow / path
    looked = refusal(lambda: place_for(str(place), document, roots, overwrite=False, opened=opened), place, roots)
    assert said in looked
    assert place_for(str(allow / "sub" / "b.md"), document, roots, overwrite=False, opened=opened)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write anywhere, so the superuser steps down for a moment."""
    before = os.geteuid()
    os.seteuid(65534 if before == 0 else before)
    try:
        yield
    finally:
        os.seteuid(before)


@MODES
def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_sent(document):
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        place, roots = Path(folder).resolve() / "b.md", Roots.resolve([folder])
        with as_nobody():
            said = refusal(lambda: place_for(str(place), document, roots, overwrite=False), place, roots)
    assert "the user img402-mcp runs as may not write to" in said


@NAMES
@pytest.mark.parametrize("by_tool", [True, False], ids=["tool", "person"])
@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("evil.bat:x.md", "stream", id="stream"),
        pytest.param("sub:x/b.md", "stream", id="stream-of-a-folder"),
        pytest.param("CON.md", "device", id="console"),
        pytest.param("nul.tar.md", "device", id="two-endings"),
        pytest.param("Aux .md", "device", id="space-before-the-ending"),
        pytest.param("com1.md", "device", id="port"),
        pytest.param("LPT\u00b2.md", "device", id="port-with-a-superscript"),
        pytest.param("CONIN$.md", "device", id="input"),
        pytest.param("prn/b.md", "device", id="folder"),
        pytest.param("sub./b.md", "dot or a space", id="dot-at-the-end"),
        pytest.param("sub /b.md", "dot or a space", id="space-at-the-end"),
        pytest.param(r"sub\b.md", "separates folders", id="backslash"),
        pytest.param(r"\\?\C:\b.md", "device path", id="device-path"),
        pytest.param(r"\\.\C:\b.md", "device path", id="device-path-with-a-dot"),
        pytest.param("//?/C:/b.md", "device path", id="device-path-in-slashes"),
        pytest.param(r"\??\C:\b.md", "device path", id="device-path-of-the-kernel"),
        pytest.param(r"\\host\share\b.md", "separates folders", id="share"),
    ],
)
def test_a_name_that_windows_reads_otherwise_is_refused_on_every_system(allow, roots, document, path, said, by_tool):
    for folder in ("sub:x", "prn", "sub.", "sub "):
        (allow / folder).mkdir()
    found = refusal(lambda: at(allow, place_for, path, document, roots, overwrite=True, by_tool=by_tool), path, roots)
    assert said in found


HIDDEN, UNPRINTABLE, OBEYED, SHORT = "hidden name", "cannot be printed", "instructions", "short name"
FOR_PEOPLE_ALONE = [
    pytest.param(".claude/commands/x.md", HIDDEN, id="command"),
    pytest.param(".github/copilot-instructions.md", HIDDEN, id="copilot"),
    pytest.param(".git/info/x.md", HIDDEN, id="git"),
    pytest.param("sub/.notes/deep/x.md", HIDDEN, id="hidden-in-the-middle"),
    pytest.param("link/x.md", HIDDEN, marks=LINKS, id="link-to-a-hidden-folder"),
    pytest.param("sub/../.claude/commands/x.md", HIDDEN, id="by-dots"),
    pytest.param("CLAUDE.md", OBEYED, id="claude"),
    pytest.param("sub/agents.MD", OBEYED, id="other-case-and-deeper"),
    pytest.param("copilot-instructions.md", OBEYED, id="copilot-without-its-folder"),
    pytest.param("\uff27EMINI.md", OBEYED, id="wide-letter"),
    pytest.param("sub/review.Prompt.md", OBEYED, id="by-its-ending"),
    pytest.param("x\x1b[31m.md", UNPRINTABLE, marks=NAMES, id="escape"),
    pytest.param("x\u202egnp.md", UNPRINTABLE, id="right-to-left"),
    pytest.param("CLAUDE\u200b.md", UNPRINTABLE, id="zero-width"),
    pytest.param("x\ny.md", UNPRINTABLE, marks=NAMES, id="line-break"),
    pytest.param("COPILO~1.MD", SHORT, id="short-name"),
]


@pytest.fixture
def folders(allow) -> None:
    for folder in (".claude/commands", ".github", ".git/info", "sub/.notes/deep"):
        (allow / folder).mkdir(parents=True)
    link(allow / "link", ".claude")


@pytest.mark.parametrize(("path", "said"), FOR_PEOPLE_ALONE)
def test_a_tool_writes_nothing_hidden_and_nothing_that_agents_obey(allow, roots, document, folders, path, said):
    with pytest.raises(ReadRefused, match=said) as caught:
        at(allow, place_for, path, document, roots, overwrite=True, by_tool=True)
    assert "`img402-mcp publish --out`" in str(caught.value)


@pytest.mark.parametrize(("path", "said"), FOR_PEOPLE_ALONE)
def test_a_person_may_write_there(allow, roots, document, folders, path, said):
    place = at(allow, place_for, path, document, roots, overwrite=True)
    assert place == Path(os.path.realpath((allow / path).parent)) / Path(path).name


@pytest.mark.parametrize("name", [*sorted(INSTRUCTIONS), *(f"x{ending}" for ending in INSTRUCTION_ENDINGS)])
def test_no_instruction_file_of_the_table_is_written_by_a_tool(allow, roots, document, name):
    with pytest.raises(ReadRefused, match=OBEYED):
        at(allow, place_for, name.upper(), document, roots, overwrite=True, by_tool=True)


def test_a_root_may_be_hidden_itself(allow, document):
    (allow / ".notes").mkdir()
    roots = Roots.resolve([allow, allow / ".notes"])
    place = allow / ".notes" / "b.md"
    assert place_for(str(place), document, roots, overwrite=False, by_tool=True) == place


@NAMES
def test_the_names_above_a_root_are_not_judged(tmp_path, document):
    folder = tmp_path.resolve() / "a:b" / "Foo Inc." / ".x"
    folder.mkdir(parents=True)
    place = folder / "b.md"
    assert place_for(str(place), document, Roots.resolve([folder]), overwrite=False, by_tool=True) == place


def test_the_text_is_in_no_repr(document):
    assert "# a" not in repr(document)
