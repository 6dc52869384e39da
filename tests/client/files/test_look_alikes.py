"""Names that look alike: the one file that is meant is read and named, several are listed, nothing outside is told."""

import unicodedata
from pathlib import Path

import pytest

from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.look_alikes import readings
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import expanded
from img402_mcp.errors import ReadRefused
from tests.client.files.world import at
from tests.fakes.posix import NAMES

NARROW = "Screenshot 2026-01-02 at 9.41.00\u202fAM.png"
PLAIN = "Screenshot 2026-01-02 at 9.41.00 AM.png"
LIMIT = 10_000


@pytest.fixture
def place(tmp_path: Path, sample) -> Path:
    """A root, and a folder beside it that nobody may read."""
    for folder in ("allowed", "secret"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shot.png").write_bytes(sample("plain.png"))
    return tmp_path / "allowed"


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        pytest.param(NARROW, PLAIN, id="narrow-no-break-space"),
        pytest.param(PLAIN, NARROW, id="the-other-way-round"),
        pytest.param("a\u00a0b.png", "a b.png", id="no-break-space"),
        pytest.param("a\u3000b.png", "a b.png", id="ideographic-space"),
        pytest.param("a  b.png", "a b.png", id="two-spaces"),
        pytest.param(nfd("Büro.png"), "Büro.png", id="decomposed"),
        pytest.param("Büro.png", nfd("Büro.png"), id="composed"),
        pytest.param(nfd("Büro") + "/" + NARROW, f"Büro/{PLAIN}", id="a-folder-too"),
        pytest.param("it\u2019s.png", "it's.png", id="curly-quote"),
        pytest.param("a\u2013b.png", "a-b.png", id="en-dash"),
        pytest.param("a\u200eb.png", "ab.png", id="a-mark-that-nobody-sees"),
        pytest.param("my shot.png", '"my shot.png"', id="quotes"),
        pytest.param("my shot.png", "'my shot.png'", id="single-quotes"),
        pytest.param("my shot.png", "`my shot.png`", id="backquotes"),
        pytest.param("my shot.png", "\u201cmy shot.png\u201d", id="curly-quotes"),
        pytest.param("my shot.png", "<my shot.png>", id="angle-brackets"),
        pytest.param("my shot.png", "@my shot.png", id="at-sign"),
        pytest.param("my shot.png", '@"my shot.png"', id="at-sign-and-quotes"),
        pytest.param("my shot.png", r"my\ shot.png", id="shell-escape"),
        pytest.param("shot (1).png", r"shot\ \(1\).png", marks=NAMES, id="shell-escapes"),
        pytest.param("my shot.png", "my%20shot.png", id="percent"),
        pytest.param("my shot.png", " my shot.png\n", id="blanks-around-it"),
        pytest.param("sub/a.png", r"sub\a.png", marks=NAMES, id="backslash"),
        pytest.param(NARROW, f'"{PLAIN}"'.replace(" ", "%20"), id="quotes-percent-and-space"),
    ],
)
def test_the_one_file_that_reads_alike_is_read_and_named(place, sample, there, asked):
    path = put(place, there, sample("plain.png"))
    image = at(place, read_image, asked, Roots((place,)), limit=LIMIT)
    assert image.path == path
    assert image.notes == (f'No file has exactly that name, so "{ascii(str(path))[1:-1]}" was read.',)


def test_what_is_there_just_as_it_is_written_is_read_without_a_word(place, sample):
    put(place, NARROW, sample("plain.png"))
    put(place, PLAIN, sample("still.gif"))
    image = at(place, read_image, PLAIN, Roots((place,)), limit=LIMIT)
    assert (image.path.name, image.notes) == (PLAIN, ())


def test_of_several_none_is_read_and_all_are_listed(place, sample):
    both = [put(place, name, sample("plain.png")) for name in (NARROW, PLAIN.replace(" AM", "\u00a0AM"))]
    with pytest.raises(ReadRefused) as refused:
        at(place, read_image, PLAIN, Roots((place,)), limit=LIMIT)
    assert "does not exist. Did you mean " in str(refused.value)
    assert all(ascii(str(path))[1:-1] in str(refused.value) for path in both)


def test_where_money_moves_it_is_only_named(place, sample):
    path = put(place, NARROW, sample("plain.png"))
    with pytest.raises(ReadRefused) as refused:
        at(place, read_image, PLAIN, Roots((place,)), limit=LIMIT, exact=True)
    assert f'does not exist. Did you mean "{ascii(str(path))[1:-1]}"?' in str(refused.value)


@NAMES
def test_another_case_is_another_file_and_only_named(place, sample):
    path = put(place, "Shot-2.PNG", sample("plain.png"))
    with pytest.raises(ReadRefused) as refused:
        at(place, read_image, "shot-2.png", Roots((place,)), limit=LIMIT)
    assert f'does not exist. Did you mean "{path}"?' in str(refused.value)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param('"{secret}/shot.png"', id="quoted"),
        pytest.param("{secret}/sh\u200eot.png", id="unseen"),
        pytest.param("../secret/%73hot.png", id="percent"),
        pytest.param("{secret}/shot.png", id="exact"),
        pytest.param("{secret}/nothing.png", id="nothing"),
    ],
)
def test_invariant_2_nothing_outside_the_roots_is_found_or_named(place, asked):
    secret = place.parent / "secret"
    with pytest.raises(ReadRefused) as refused:
        at(place, read_image, asked.format(secret=secret), Roots((place,)), limit=LIMIT)
    assert "Did you mean" not in str(refused.value)
    assert "is not inside an allowed folder" in str(refused.value) or "does not exist" in str(refused.value)


def test_a_link_that_looks_alike_and_leads_outside_is_not_followed(place):
    (place / NARROW).symlink_to(place.parent / "secret" / "shot.png")
    with pytest.raises(ReadRefused, match="does not exist"):
        at(place, read_image, PLAIN, Roots((place,)), limit=LIMIT)


def test_a_root_may_be_spelled_otherwise_too(tmp_path, sample):
    root = tmp_path / nfd("Büro")
    path = put(root, "shot.png", sample("plain.png"))
    image = read_image(str(tmp_path / "Büro" / "shot.png"), Roots((root,)), limit=LIMIT)
    assert image.path == path


def test_a_text_has_few_readings():
    assert len([*readings("%25" * 300 + "\\ " * 300)]) < 60


def test_patterns_find_what_looks_alike(place, sample):
    path = put(place, f"{nfd('Büro')}/{NARROW}", sample("plain.png"))
    assert at(place, expanded, ["Büro/* AM.png"], Roots((place,))).paths == [str(path)]


def test_a_pattern_takes_endings_in_capitals(place, sample):
    put(place, "IMG_0001.PNG", sample("plain.png"))
    found = at(place, expanded, ["*.png"], Roots((place,))).paths
    assert [Path(path).name for path in found] == ["IMG_0001.PNG", "shot.png"]
