"""A path is what its letters say: no more, no less, and never a URL."""

from collections.abc import Callable
from pathlib import Path

import pytest

from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.safe_open import Opening
from img402_mcp.errors import quoted
from tests.client.files.world import LIMIT, OUTSIDE, World, allowed, at, because, refusal, whole
from tests.fakes.posix import LINKS, NAMES, OPEN_FILES, WORDS


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param("{allow}/shot.png", "{allow}/shot.png", id="plain"),
        pytest.param("{second}/shot.png", "{second}/shot.png", id="second-root"),
        pytest.param("{allow}//sub///shot.png", "{allow}/sub/shot.png", id="doubled-slashes"),
        pytest.param("/{allow}/shot.png", "{allow}/shot.png", marks=WORDS, id="two-slashes-in-front"),
        pytest.param("{allow}/./sub/./shot.png", "{allow}/sub/shot.png", id="dots"),
        pytest.param("{allow}/sub/../shot.png", "{allow}/shot.png", id="up-within-the-root"),
        pytest.param("{secret}/../allow/shot.png", "{allow}/shot.png", id="up-and-into-the-root"),
        pytest.param("{allow}/shot.png/", "{allow}/shot.png", id="trailing-slash"),
        pytest.param("file://{allow}/shot.png", "{allow}/shot.png", id="file-url"),
        pytest.param("file://localhost{allow}/shot.png", "{allow}/shot.png", marks=WORDS, id="file-url-localhost"),
        pytest.param("FILE://LOCALHOST{allow}/shot.png", "{allow}/shot.png", marks=WORDS, id="file-url-in-capitals"),
        pytest.param("file://{allow}/%73hot.png", "{allow}/shot.png", id="file-url-encoded"),
        pytest.param("file://{allow}/sub/%2e%2e/shot.png", "{allow}/shot.png", id="file-url-encoded-up"),
        pytest.param("{allow}/to-file", "{allow}/shot.png", marks=LINKS, id="link-to-file"),
        pytest.param("{allow}/to-folder/shot.png", "{allow}/sub/shot.png", marks=LINKS, id="link-to-folder"),
        pytest.param("{allow}/to-link", "{allow}/shot.png", marks=LINKS, id="link-to-link"),
        pytest.param("{allow}/to-up-and-back", "{allow}/shot.png", marks=LINKS, id="link-with-up"),
        pytest.param("{allow}/to-second/shot.png", "{second}/shot.png", marks=LINKS, id="link-to-second-root"),
        pytest.param("{allow}/to-second/../shot.png", "{allow}/shot.png", marks=LINKS, id="up-behind-a-link"),
        pytest.param("{allow}/none/../shot.png", "{allow}/shot.png", id="up-from-a-missing-folder"),
        pytest.param("{secret}/to-allow/shot.png", "{allow}/shot.png", marks=LINKS, id="link-from-outside"),
    ],
)
@pytest.mark.usefixtures("links")
def test_a_path_that_leads_into_a_root_is_read(world: World, opening: Opening, given: str, read: str):
    image = read_image(world.path(given), world.roots, limit=LIMIT, opening=opening)
    assert image == whole(Path(world.path(read)), world.image)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a b.png", id="space"),
        pytest.param("shot.png ", marks=NAMES, id="trailing-space"),
        pytest.param("shot.png.", marks=NAMES, id="trailing-dot"),
        pytest.param("shot.png'", id="trailing-quote"),
        pytest.param("..shot.png", id="leading-dots"),
        pytest.param("%2e%2e", id="percent-is-literal"),
        pytest.param("~", id="tilde"),
        pytest.param("-rf.png", id="dash"),
        pytest.param("a\nb.png", marks=NAMES, id="newline"),
        pytest.param("a\\b.png", marks=NAMES, id="backslash"),
        pytest.param("Caf\u00e9.png", id="composed"),
        pytest.param("Cafe\u0301.png", id="decomposed"),
        pytest.param("9.41\u202fAM.png", id="narrow-space"),
        pytest.param("a" * 251 + ".png", marks=NAMES, id="longest-name"),
        pytest.param("secret.pdf", id="an-image-named-pdf"),
    ],
)
def test_a_name_is_taken_exactly_as_it_is_written(world: World, name: str):
    (world.allow / name).write_bytes(world.image)
    image = read_image(f"{world.allow}/{name}", world.roots, limit=LIMIT)
    assert image == whole(world.allow / name, world.image)


def test_of_two_names_that_look_alike_the_exact_one_is_read(world: World, sample: Callable[[str], bytes]):
    twins = {"Caf\u00e9.png": sample("plain.png"), "Cafe\u0301.png": sample("palette.png")}
    for name, data in twins.items():
        (world.allow / name).write_bytes(data)
    read = {name: read_image(f"{world.allow}/{name}", world.roots, limit=LIMIT).data for name in twins}
    assert read == twins


def test_a_path_deeper_than_the_system_opens_at_once_is_still_too_long_for_us(world: World):
    path = f"{world.allow}/{'sub/' * 2000}shot.png"
    assert refusal(path, world.roots) == (f"{quoted(path)} is {len(path):,} characters long; a path has at most 4,096.")


def test_a_relative_path_starts_at_the_working_directory(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(world.allow)
    assert read_image("sub/shot.png", world.roots, limit=LIMIT).path == world.allow / "sub" / "shot.png"


def test_a_relative_path_starts_at_the_base_if_one_is_given(world: World):
    assert at(world.second, read_image, "shot.png", world.roots, limit=LIMIT).path == world.second / "shot.png"


def test_a_refused_relative_path_names_where_it_started(world: World):
    assert at(world.secret, refusal, "shot.png", world.roots) == (
        f'"shot.png" {OUTSIDE} A relative path starts at "{world.secret}". {allowed(world.roots)}'
    )


@OPEN_FILES
def test_a_relative_path_in_a_deleted_working_directory_starts_at_the_top(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    gone = world.here / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert refusal("shot.png", world.roots) == (
        f'"shot.png" {OUTSIDE} A relative path starts at "/". {allowed(world.roots)}'
    )


@pytest.mark.parametrize("given", ["~/shot.png", "~/sub/../shot.png"])
def test_a_tilde_is_the_home_folder(world: World, monkeypatch: pytest.MonkeyPatch, given: str):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(world.allow))
    assert read_image(given, world.roots, limit=LIMIT) == whole(world.allow / "shot.png", world.image)


def test_a_tilde_alone_is_the_home_folder(world: World, monkeypatch: pytest.MonkeyPatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(world.allow))
    assert refusal("~", world.roots) == '"~" is a folder; give the path of one file.'


@pytest.mark.parametrize("given", ["~root/shot.png", "~+/shot.png", "sub/~/shot.png"])
def test_a_tilde_anywhere_else_is_a_letter(world: World, given: str):
    (world.allow / given).parent.mkdir(parents=True)
    (world.allow / given).write_bytes(world.image)
    assert at(world.allow, read_image, given, world.roots, limit=LIMIT).path == world.allow / given


@pytest.mark.parametrize(
    ("given", "clause"),
    [
        pytest.param("{allow}/a\0b.png", "holds a NUL character, which no file name can have.", id="nul"),
        pytest.param(
            "{allow}/shot.png\0.txt", "holds a NUL character, which no file name can have.", id="nul-at-the-end"
        ),
        pytest.param("{secret}/shot.png\0", "holds a NUL character, which no file name can have.", id="nul-outside"),
        pytest.param(
            "{allow}/\ud800.png",
            "holds a character that is not UTF-8; rename the file to upload it.",
            id="high-surrogate",
        ),
        pytest.param(
            "{allow}/\udcff.png",
            "holds a character that is not UTF-8; rename the file to upload it.",
            id="low-surrogate",
        ),
        pytest.param(
            "{secret}/\udcff.png",
            "holds a character that is not UTF-8; rename the file to upload it.",
            id="surrogate-outside",
        ),
        pytest.param(
            "file://{allow}/a%00b.png", "holds a NUL character, which no file name can have.", id="file-url-nul"
        ),
        pytest.param(
            "file://{allow}/%ff.png", "is not percent-encoded UTF-8; give the plain path instead.", id="file-url-bytes"
        ),
        pytest.param(
            "file://{allow}/\udcff.png",
            "is not percent-encoded UTF-8; give the plain path instead.",
            id="file-url-surrogate",
        ),
        pytest.param(
            "file://evil.example{allow}/shot.png",
            "names another host; only files on this machine can be read, as in file:///folder/shot.png.",
            id="file-url-host",
        ),
        pytest.param(
            "file://shot.png",
            "names another host; only files on this machine can be read, as in file:///folder/shot.png.",
            id="file-url-with-two-slashes",
        ),
        pytest.param("https://img.example/shot.png", "is a URL, not the path of a file on this machine.", id="https"),
        pytest.param(
            "data:image/png;base64,iVBORw0KGgo=",
            "is a URL, not the path of a file on this machine.",
            id="data-url",
        ),
    ],
)
def test_text_that_is_no_path_is_refused_whatever_the_disk_holds(
    world: World, opening: Opening, given: str, clause: str
):
    path = world.path(given)
    assert refusal(path, world.roots, opening=opening) == f"{quoted(path)} {because(clause, world.roots)}"


def test_a_very_long_path_costs_no_time(world: World):
    path = "a/" * 5_000_000
    assert at(world.allow, refusal, path, world.roots).startswith(f"{quoted(path)} is 10,000,000 characters long;")
