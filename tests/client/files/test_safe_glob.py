"""Patterns become paths inside the allowed folders, and reveal nothing about other places."""

import os
from pathlib import Path
from types import SimpleNamespace

import anyio
import anyio.to_thread
import pytest

from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import MAX_FILES, Expanded, expanded
from img402_mcp.errors import quoted
from tests.client.files.world import at
from tests.fakes.posix import LINKS, MODES, NAMES, OPEN_FILES, WORDS

OUTSIDE = "is not inside an allowed folder."
NO_FILE = "matches no file. Links and hidden files are only found by their names."
FILES = (
    "shot2.png",
    "shot10.png",
    "Shot1.PNG",
    ".hidden.png",
    "a/shot.png",
    "a/b/shot.png",
    "a/b/c/shot.gif",
    "a/.git/shot.png",
    "[slug]/shot[1].png",
    "[slug]/shot1.png",
)


@pytest.fixture
def world(tmp_path):
    """The allowed folder, the secret one beside it, and links from the one to the other and to itself."""
    allow, secret = tmp_path / "allow", tmp_path / "secret"
    for path in (*(allow / name for name in FILES), secret / "shot.png", secret / "sub" / "shot.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    (allow / "to-secret").symlink_to(secret)
    (allow / "to-secret.png").symlink_to(secret / "shot.png")
    (allow / "to-nothing.png").symlink_to(secret / "nothing.png")
    (allow / "to-a").symlink_to(allow / "a")
    (allow / "a" / "to-top").symlink_to(allow)
    (allow / "to-shot.png").symlink_to(allow / "shot2.png")
    (secret / "to-allow").symlink_to(allow)
    return SimpleNamespace(here=tmp_path, allow=allow, secret=secret, roots=Roots.resolve([allow]))


def names(world, found: Expanded) -> list[str]:
    return [Path(path).relative_to(world.allow).as_posix() for path in found.paths]


def reasons(found: Expanded) -> list[str]:
    return [str(error) for _, error in found.refused]


def sentence(world, pattern: str, clause: str) -> str:
    is_missing = clause.startswith("matches no file") and not pattern.startswith("/")
    start = f' A relative path starts at "{world.allow}".' if is_missing else ""
    return f"{quoted(pattern)} {clause}{start}"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        pytest.param("*.png", ["Shot1.PNG", "shot2.png", "shot10.png"], id="natural-order"),
        pytest.param("shot?.png", ["shot2.png"], marks=NAMES, id="one-mark"),
        pytest.param("shot[0-9].png", ["shot2.png"], marks=NAMES, id="a-class"),
        pytest.param("shot[!0-9]*.png", [], id="not-of-a-class"),
        pytest.param("[z-a].png", [], id="a-class-without-sense"),
        pytest.param("[", [], id="an-open-bracket"),
        pytest.param("*/shot.png", ["a/shot.png"], id="one-folder"),
        pytest.param("a/**/*.png", ["a/b/shot.png", "a/shot.png"], id="any-folders"),
        pytest.param("a/**/**/*.png", ["a/b/shot.png", "a/shot.png"], id="any-folders-twice"),
        pytest.param("a/**/b/**/*.gif", ["a/b/c/shot.gif"], id="any-folders-around-one"),
        pytest.param("a/**", ["a/b/c/shot.gif", "a/b/shot.png", "a/shot.png"], id="all-below"),
        pytest.param("a/b**.png", [], id="two-stars-in-a-name-are-one"),
        pytest.param("a/**.png", ["a/shot.png"], id="two-stars-before-a-suffix-are-one"),
        pytest.param(".*.png", [".hidden.png"], id="hidden-by-its-dot"),
        pytest.param("[.]hidden.png", [], id="a-dot-in-a-class-is-none"),
        pytest.param("a/.*/*.png", ["a/.git/shot.png"], id="a-hidden-folder-by-its-dot"),
        pytest.param("[[]slug]/*1.png", ["[slug]/shot1.png"], id="a-bracket-in-a-class"),
        pytest.param("[slug]/*.png", ["[slug]/shot1.png", "[slug]/shot[1].png"], id="a-folder-named-like-a-class"),
        pytest.param("*/shot[1].png", ["[slug]/shot[1].png"], id="a-file-named-like-a-class"),
        pytest.param("to-a/*.png", ["a/shot.png"], marks=LINKS, id="a-link-that-is-named-and-leads-inside"),
        pytest.param("a/*/../../s*2.png", ["shot2.png"], id="up-takes-back-the-word-before"),
        pytest.param(
            "../secret/to-allow/s*.png", ["shot2.png", "shot10.png"], marks=LINKS, id="a-link-outside-that-leads-inside"
        ),
        pytest.param("{allow}/*2.png", ["shot2.png"], id="absolute"),
        pytest.param("file://{allow}/*2.png", ["shot2.png"], id="file-url"),
    ],
)
def test_a_pattern_names_files_in_natural_order(world, pattern, found):
    pattern = pattern.format(allow=world.allow)
    result = at(world.allow, expanded, [pattern], world.roots)
    assert (names(world, result), reasons(result)) == (
        found,
        [] if found else [sentence(world, pattern, NO_FILE)],
    )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("[slug]/shot[1].png", id="a-name-with-brackets"),
        pytest.param("nothing.png", id="missing"),
        pytest.param("../secret/shot.png", id="forbidden"),
        pytest.param("to-shot.png", id="a-link"),
        pytest.param("*/../none.png", id="up-takes-back-the-mark"),
        pytest.param("\0.png", id="a-character-no-name-can-have"),
        pytest.param("https://i.example/a.png", id="a-url"),
    ],
)
def test_a_plain_path_comes_back_as_it_is(world, path):
    result = at(world.allow, expanded, [path], world.roots)
    assert (result.paths, result.refused) == ([path], ())


@LINKS
def test_a_link_named_like_a_class_is_that_link(world):
    (world.allow / "[x].png").symlink_to(world.allow / "shot2.png")
    assert at(world.allow, expanded, ["[x].png"], world.roots).paths == ["[x].png"]


def test_folders_named_like_a_class_may_be_roots_and_working_directories(world):
    roots = Roots.resolve([world.allow / "[slug]"])
    for pattern, base in (("*1.png", world.allow / "[slug]"), (f"{world.allow}/[slug]/*1.png", world.here)):
        assert names(world, at(base, expanded, [pattern], roots)) == ["[slug]/shot1.png"]


@LINKS
def test_paths_and_patterns_are_found_once_each_in_their_order_with_their_sizes(world):
    patterns = [
        "none.png",
        "a/shot.png",
        "shot?.png",
        "*.png",
        f"{world.allow}/a/../a/shot.png",
        "to-shot.png",
        "*.txt",
    ]
    result = at(world.allow, expanded, patterns, world.roots)
    allow = str(world.allow)
    assert result.sizes == dict.fromkeys(
        ("none.png", "a/shot.png", f"{allow}/shot2.png", f"{allow}/Shot1.PNG", f"{allow}/shot10.png"), 5
    ) | {"none.png": 0}
    assert [pattern for pattern, _ in result.refused] == ["*.txt"]


# Nothing outside the roots is listed, or told to be there


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("{secret}/*", id="secret"),
        pytest.param("{secret}-none/*", id="missing"),
        pytest.param("{secret}/shot.png/*", id="below-a-secret-file"),
        pytest.param("/*", id="top"),
        pytest.param("/etc/*", id="etc"),
        pytest.param("/**", id="all"),
        pytest.param("{here}/allo[w]/*", id="a-mark-above-the-root"),
        pytest.param("{here}/*/shot.png", id="beside-the-root"),
        pytest.param("../*", id="up"),
        pytest.param("a/../../*", id="up-twice"),
        pytest.param("*/../../secret/*", id="up-behind-a-mark"),
        pytest.param("**/../../secret/*", id="up-behind-all"),
        pytest.param("to-secret/*", marks=LINKS, id="through-a-link"),
        pytest.param("to-secret/../to-secret/**", marks=LINKS, id="through-a-link-and-all"),
        pytest.param("to-nothing.png/*", marks=LINKS, id="through-a-broken-link"),
        pytest.param("file://{secret}/*", id="file-url"),
        pytest.param("//etc/*", id="two-slashes"),
        pytest.param("~/*", id="home"),
        pytest.param("/proc/self/root{allow}/../**", marks=WORDS, id="proc"),
    ],
)
def test_invariant_2_outside_the_roots_there_is_one_answer(world, monkeypatch, pattern):
    monkeypatch.setenv("HOME", str(world.secret))
    pattern = pattern.format(here=world.here, secret=world.secret, allow=world.allow)
    result = at(world.allow, expanded, [pattern], world.roots)
    (said,) = reasons(result)
    assert (result.paths, said.startswith(f"{quoted(pattern)} {OUTSIDE}")) == ([], True)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("to-secr*/*", id="a-folder-behind-a-link"),
        pytest.param("to-secr*", id="a-link-to-a-folder"),
        pytest.param("to-*.png", id="links-to-files"),
        pytest.param("[t]o-secret.png", id="a-link-in-a-class"),
        pytest.param("*/sub/*", id="below-a-link"),
        pytest.param("**/sub/**", id="all-below-a-link"),
        pytest.param("nothing/*", id="a-missing-folder"),
        pytest.param("shot2.png/*", id="below-a-file"),
    ],
)
def test_invariant_2_a_pattern_passes_no_link_and_finds_none(world, pattern):
    result = at(world.allow, expanded, [pattern], world.roots)
    assert (result.paths, reasons(result)) == ([], [sentence(world, pattern, NO_FILE)])


def test_invariant_2_all_below_is_found_once_and_through_no_link(world):
    found = names(world, at(world.allow, expanded, ["**/*"], world.roots))
    assert sorted(found) == sorted(name for name in FILES if "/." not in f"/{name}")


@pytest.mark.parametrize(
    ("pattern", "clause"),
    [
        pytest.param("*\0", "holds a NUL character, which no file name can have.", id="nul"),
        pytest.param("*\ud800", "holds a character that is not UTF-8; rename the file to upload it.", id="surrogate"),
        pytest.param("*" * 4097, "is 4,097 characters long; a path has at most 4,096.", id="too-long"),
        pytest.param("https://i.example/*.png", "is a URL, not the path of a file on this machine.", id="url"),
    ],
)
def test_a_pattern_that_is_not_a_path_is_refused(world, pattern, clause):
    (said,) = reasons(at(world.allow, expanded, [pattern], world.roots))
    assert said.startswith(f"{quoted(pattern)} {clause}")


def test_a_long_pattern_of_stars_ends_soon(world):
    (world.allow / ("a" * 250)).write_bytes(b"")
    (said,) = reasons(at(world.allow, expanded, ["*a" * 120 + "b"], world.roots))
    assert NO_FILE in said


@MODES
def test_a_folder_that_may_not_be_listed_hides_none_of_the_others(world):
    (world.allow / "a" / "b").chmod(0)
    found = names(world, at(world.allow, expanded, ["a/**/*.png"], world.roots))
    (world.allow / "a" / "b").chmod(0o700)
    assert found == (["a/b/shot.png", "a/shot.png"] if os.geteuid() == 0 else ["a/shot.png"])


def test_a_pattern_that_matches_too_many_files_uploads_none_of_them(world):
    many = world.allow / "many"
    many.mkdir()
    for number in range(MAX_FILES + 1):
        (many / f"{number}.png").touch()
    result = at(world.allow, expanded, ["many/*.png", "many/1?.png"], world.roots)
    assert reasons(result) == [sentence(world, "many/*.png", "matches more than 500 files; use a narrower pattern.")]
    assert [Path(path).name for path in result.paths] == [f"{number}.png" for number in range(10, 20)]


def test_all_patterns_of_a_call_share_one_budget_of_names(world):
    wide = world.allow / "wide"
    wide.mkdir()
    for number in range(10):
        (wide / f"{number}.png").touch()
    result = at(world.allow, expanded, ["wide/1*", "wide/2*", "wide/3*"], world.roots, names=20)
    assert [Path(path).name for path in result.paths] == ["1.png", "2.png"]
    assert reasons(result) == [
        sentence(world, "wide/3*", "looks through more than 20 names; start the pattern in a deeper folder.")
    ]


@OPEN_FILES
def test_in_a_deleted_working_directory_an_absolute_pattern_still_works(world, monkeypatch):
    gone = world.here / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert names(world, expanded([f"{world.allow}/s*.png"], world.roots)) == ["shot2.png", "shot10.png"]


def test_neighbouring_stars_mean_no_more_than_one_and_cost_no_more(world):
    pattern = "/".join(["**"] * 800 + ["shot10.png"])
    assert names(world, at(world.allow, expanded, [pattern], world.roots)) == ["shot10.png"]


def test_a_pattern_has_a_bound_on_its_comparisons(world):
    pattern = "/".join(["**", "*"] * 300 + ["shot10.png"])
    deep = world.allow.joinpath(*["d"] * 120)
    deep.mkdir(parents=True)
    for number in range(200):
        (world.allow / f"{number}.txt").touch()
    (said,) = reasons(at(world.allow, expanded, [pattern] * 1, world.roots))
    assert "matches no file" in said or "takes too long to look through" in said


async def test_a_call_that_is_cancelled_stops_looking(world):
    """A thread does not notice by itself that nobody waits for it any more."""
    looked = []

    def look() -> None:
        for _ in range(10_000):
            at(world.allow, expanded, ["**/*.png"], world.roots)
            looked.append(1)

    with anyio.move_on_after(0.2):
        await anyio.to_thread.run_sync(look)
    assert len(looked) < 10_000


@pytest.mark.parametrize("pattern", ["*.png", "**/*.png", "fa?.png"])
def test_a_pattern_finds_what_icloud_has_not_downloaded_under_the_file_s_own_name(world, pattern):
    far = world.allow / "icloud"
    far.mkdir()
    (far / ".far.png.icloud").write_bytes(b"bplist00")
    assert at(far, expanded, [pattern], world.roots) == Expanded({str(far / "far.png"): 8})
    (far / "far.png").write_bytes(b"downloaded")
    assert at(far, expanded, [pattern], world.roots).paths == [str(far / "far.png")]
    assert at(far, expanded, [".*.icloud"], world.roots).paths == [str(far / ".far.png.icloud")]
