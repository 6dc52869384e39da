"""Invariant 3: only images leave. What viewers show is one, and what was repaired is said."""

import hashlib
from pathlib import Path

import pytest

from img402_mcp.client.files.image import Image, read_image
from img402_mcp.client.files.roots import Roots
from img402_mcp.errors import ReadRefused
from img402_mcp.formats import examine, repaired
from tests.client.files.world import LIMIT, World, refusal
from tests.fakes.broken_images import BROKEN, CUT, GIF, PNG, Broken


def written(folder: Path, data: bytes) -> Path:
    path = folder.resolve() / "shot.png"
    path.write_bytes(data)
    return path


def read(path: Path, trailing: str) -> Image:
    roots = Roots.resolve([path.parent])
    if trailing == "keep":
        return read_image(str(path), roots, limit=LIMIT, trailing="keep")
    return read_image(str(path), roots, limit=LIMIT)


@pytest.mark.parametrize("trailing", ["refuse", "keep"])
@pytest.mark.parametrize("broken", BROKEN, ids=[each.name for each in BROKEN])
def test_a_broken_image_is_read_as_viewers_show_it_and_that_is_said(tmp_path: Path, broken: Broken, trailing: str):
    new = repaired(broken.data)
    data = bytes(new.data[: new.picture.end])
    path = written(tmp_path, broken.data)
    source = hashlib.sha256(broken.data).hexdigest()
    done = (f"repaired: {', '.join(broken.repairs)}",)
    is_only_cut = broken.repairs == ("padding after its end",)
    assert read(path, trailing) == Image(path, data, new.picture, source, done, (), is_only_cut)


def test_a_whole_image_is_read_as_it_is(tmp_path: Path):
    path = written(tmp_path, PNG)
    assert read(path, "refuse") == Image(path, PNG, examine(PNG), hashlib.sha256(PNG).hexdigest())


@pytest.mark.parametrize("data", [PNG + b"PK\x03\x04", PNG[:-12] + b"PK\x03\x04", GIF[:-1] + b"\r\n--b--\r\n"])
def test_what_follows_an_image_is_refused_unless_somebody_cuts_it(tmp_path: Path, data: bytes):
    path = written(tmp_path, data)
    with pytest.raises(ReadRefused, match=r"is refused: \d+ bytes follow the image's end"):
        read(path, "refuse")
    image = read(path, "keep")
    assert len(image.data) > image.picture.end


@pytest.mark.parametrize("data", CUT.values(), ids=CUT)
def test_a_cut_off_image_is_refused_with_the_way_out(tmp_path: Path, data: bytes):
    path = written(tmp_path, data)
    with pytest.raises(ReadRefused, match="cut off, or still being written: .* save it again"):
        read(path, "keep")


@pytest.mark.parametrize(
    ("name", "content", "clause"),
    [
        pytest.param("a.png", b"%PDF-1.7\n", "is a PDF", id="pdf"),
        pytest.param("b.png", b"PK\x03\x04\x14\x00", "is a zip archive (or an Office document)", id="zip"),
        pytest.param("c.jpg", b"<!DOCTYPE html><html>", "is an HTML page", id="html"),
        pytest.param("d.png", b"<svg xmlns='x'/>", "is an SVG; render it to PNG first", id="svg"),
        pytest.param(
            "e.png",
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA",
            "is plain text",
            id="private-key",
        ),
        pytest.param("f.png", b"API_KEY=abc", "is plain text", id="secrets"),
        pytest.param(
            "g.png",
            b"\x89PNG\r\n\x1a\n-----BEGIN PRIVATE KEY-----",
            "is a PNG whose first chunk is not its header",
            id="key-behind-magic-bytes",
        ),
        pytest.param("h.gif", b"GIF89a", "is a GIF that is cut off, or still being written", id="magic-bytes-alone"),
    ],
)
def test_invariant_3_only_images_leave(world: World, name: str, content: bytes, clause: str):
    path = world.allow / name
    path.write_bytes(content)
    assert refusal(str(path), world.roots).startswith(f'"{path}" {clause}')


def test_invariant_3_bytes_after_an_image_do_not_leave(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"PK\x03\x04" + b"hidden" * 1000)
    assert refusal(str(path), world.roots) == (
        f'"{path}" is refused: 6,004 bytes follow the image\'s end; the file may hold more than the picture.'
    )


def test_bytes_after_an_image_are_read_where_they_will_be_cut(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"hidden")
    image = read_image(str(path), world.roots, limit=LIMIT, trailing="keep")
    assert (image.data, image.picture.end) == (world.image + b"hidden", len(world.image))


def test_bytes_after_an_image_count_towards_the_limit(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"hidden")
    limit = len(world.image) + 5
    assert f"and at most {limit:,} can be sent" in refusal(str(path), world.roots, limit=limit, trailing="keep")


def test_the_bytes_are_in_no_repr(world: World):
    image = read_image(f"{world.allow}/shot.png", world.roots, limit=LIMIT)
    said = f"Image(path={image.path!r}, picture={image.picture!r}, done=(), notes=(), is_proven=True)"
    assert repr(image) == said
