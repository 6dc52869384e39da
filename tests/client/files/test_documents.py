"""Documents under the allow-list: what is read, where a copy may be written, and what no path can reach."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from img402_mcp.client.files.documents import MOST_BYTES, Document, place_for, read_document, write_document
from img402_mcp.client.files.roots import Roots
from img402_mcp.errors import ReadRefused

OUTSIDE = "does not lead into an allowed folder."
NO_FILE = "exists already, and is not a regular file but a folder, link, device, pipe or socket."
EXISTS = "exists already; name another file, or allow it by `overwrite`."
NO_DOCUMENT = "is no document: its name must end in one of .md, .markdown, .html, .htm."
SWAPPED = "goes through something that is not a folder, or that was swapped for a link while it was read."


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
        pytest.param("b.htm", b"x" * MOST_BYTES, "x" * MOST_BYTES, id="as-large-as-may-be"),
    ],
)
def test_a_document_is_read_as_it_is(allow, roots, name, content, text):
    (allow / name).write_bytes(content)
    assert read_document(name, roots, base=allow) == Document(allow / name, text)


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        pytest.param("../secret/s.md", None, OUTSIDE, id="outside"),
        pytest.param("../secret/none.md", None, OUTSIDE, id="nothing-outside"),
        pytest.param("to-secret.md", None, OUTSIDE, id="link-to-outside"),
        pytest.param("none.md", None, "does not exist.", id="missing"),
        pytest.param("folder.md", None, "is a folder; the path of one file was wanted.", id="folder"),
        pytest.param("pipe.md", None, "is not a regular file but a device, pipe or socket.", id="pipe"),
        pytest.param("key.pem", b"-----BEGIN", NO_DOCUMENT, id="other-name"),
        pytest.param(".md", b"x", NO_DOCUMENT, id="no-name"),
        pytest.param("b.md", b"a\xff", "is not UTF-8 at byte 1; save it as UTF-8 first.", id="not-utf-8"),
        pytest.param("b.md", b"\xff\xfea\0", "holds a zero byte, so it is no text.", id="utf-16"),
        pytest.param("b.md", b"", "is empty, or still being written.", id="empty"),
        pytest.param(
            "b.md",
            b"x" * (MOST_BYTES + 1),
            "is too large: it has 1,000,001 bytes, and at most 1,000,000 can be sent.",
            id="too-large",
        ),
    ],
)
def test_what_is_no_document_of_the_allowed_folders_is_refused_with_the_reason(allow, roots, path, content, sentence):
    (allow / "to-secret.md").symlink_to("../secret/s.md")
    (allow / "folder.md").mkdir()
    os.mkfifo(allow / "pipe.md")
    if content is not None:
        (allow / path).write_bytes(content)
    named = allow / path
    assert refusal(lambda: read_document(str(named), roots), named, roots) == sentence


def test_a_copy_is_written_whole_beside_nothing_else(allow, roots, document):
    before = os.umask(0o027)
    try:
        assert written(allow / "sub" / "b.md", document, roots, text="\ufeffä\r\n") == b"\xef\xbb\xbf\xc3\xa4\r\n"
    finally:
        os.umask(before)
    assert list((allow / "sub").iterdir()) == [allow / "sub" / "b.md"]
    assert stat.S_IMODE((allow / "sub" / "b.md").stat().st_mode) == 0o640


def test_overwriting_replaces_the_file_and_keeps_its_permissions(allow, roots, document):
    (allow / "a.md").chmod(0o604)
    assert written(allow / "a.md", document, roots, overwrite=True) == b"new"
    assert stat.S_IMODE((allow / "a.md").stat().st_mode) == 0o604
    assert sorted(allow.iterdir()) == [allow / "a.md", allow / "sub"]


def test_a_hard_link_is_replaced_and_the_file_outside_stays(allow, roots, document):
    os.link(allow.parent / "secret" / "s.md", allow / "b.md")
    assert written(allow / "b.md", document, roots, overwrite=True) == b"new"
    assert (allow.parent / "secret" / "s.md").read_bytes() == b"secret"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        pytest.param("../secret/b.md", OUTSIDE, id="outside"),
        pytest.param("sub/../../secret/b.md", OUTSIDE, id="outside-by-dots"),
        pytest.param("to-secret/b.md", OUTSIDE, id="linked-folder"),
        pytest.param("to-secret.md", NO_FILE, id="link-to-a-file-outside"),
        pytest.param("to-new-secret.md", NO_FILE, id="link-to-a-new-file-outside"),
        pytest.param("to-a.md", NO_FILE, id="link-to-a-file-inside"),
        pytest.param("folder.md", NO_FILE, id="folder"),
        pytest.param("pipe.md", NO_FILE, id="pipe"),
        pytest.param("none/b.md", "lies in a folder that does not exist; make it first.", id="no-folder"),
        pytest.param("a.md/b.md", SWAPPED, id="a-file-for-a-folder"),
        pytest.param(".ssh/authorized_keys", NO_DOCUMENT, id="key"),
        pytest.param("b.py", NO_DOCUMENT, id="program"),
        pytest.param(".bashrc", NO_DOCUMENT, id="start-up-file"),
        pytest.param(".md", NO_DOCUMENT, id="ending-alone"),
        pytest.param(".b.md", "is a hidden file, and none is written.", id="hidden"),
        pytest.param(
            "b.html", 'is of another kind than the document; the name must end in ".md".', id="of-another-kind"
        ),
        pytest.param("..", "names no file; the name of a document to write was wanted.", id="dots"),
        pytest.param("b\0.md", "holds a character that no file name can have.", id="zero"),
        pytest.param("x" * 300 + ".md", "holds a name that is too long for the file system.", id="long"),
    ],
)
def test_no_path_leads_a_copy_elsewhere(allow, roots, document, path, sentence, overwrite):
    for link, target in {"to-secret": "../secret", "to-secret.md": "../secret/s.md", "to-a.md": "a.md"}.items():
        (allow / link).symlink_to(target)
    (allow / "to-new-secret.md").symlink_to("../secret/new.md")
    (allow / "folder.md").mkdir()
    os.mkfifo(allow / "pipe.md")
    before = sorted(allow.parent.rglob("*"))
    named = f"{allow}/{path}"
    shown = named if len(named) < 200 else named[:199] + "…"
    shown = shown.replace("\0", "\\x00")
    assert refusal(lambda: written(Path(named), document, roots, overwrite=overwrite), shown, roots) == sentence
    assert sorted(allow.parent.rglob("*")) == before
    assert (allow.parent / "secret" / "s.md").read_bytes() == b"secret"


def test_nothing_that_exists_is_overwritten_unless_told(allow, roots, document):
    assert refusal(lambda: written(allow / "a.md", document, roots), allow / "a.md", roots) == EXISTS
    assert (allow / "a.md").read_bytes() == b"# a\r\n"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda sub: (sub / "b.md").write_bytes(b"other"), EXISTS, id="a-file-came"),
        pytest.param(lambda sub: (sub / "b.md").symlink_to("../../secret/s.md"), NO_FILE, id="a-link-came"),
        pytest.param(
            lambda sub: (sub.rename(sub.parent / "old"), sub.symlink_to("../secret")), SWAPPED, id="folder-swapped"
        ),
        pytest.param(lambda sub: sub.rmdir(), "lies in a folder that does not exist; make it first.", id="folder-gone"),
    ],
)
def test_what_changed_since_the_look_is_refused(allow, roots, document, change, sentence):
    place = place_for(str(allow / "sub" / "b.md"), document, roots, overwrite=False)
    change(allow / "sub")
    before = sorted(allow.parent.rglob("*"))
    assert refusal(lambda: write_document("new", place, document, roots, overwrite=False), place, roots) == sentence
    assert sorted(allow.parent.rglob("*")) == before
    assert (allow.parent / "secret" / "s.md").read_bytes() == b"secret"


def test_edits_made_meanwhile_are_not_lost(allow, roots, document):
    place = place_for(str(allow / "a.md"), document, roots, overwrite=True)
    (allow / "a.md").write_bytes(b"edited")
    said = refusal(lambda: write_document("new", place, document, roots, overwrite=True), place, roots)
    assert said == "was edited while its images were uploaded, and stays as it is."
    assert (allow / "a.md").read_bytes() == b"edited"


def test_the_text_stands_in_no_repr(document):
    assert "# a" not in repr(document)
