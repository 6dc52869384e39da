"""Invariant 3: only images leave."""

import pytest

from img402_mcp.client.files.image import read_image
from tests.client.files.world import LIMIT, World, refusal


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
            "does not begin like a PNG, JPEG, GIF or WebP",
            id="private-key",
        ),
        pytest.param("f.png", b"API_KEY=abc", "does not begin like a PNG, JPEG, GIF or WebP", id="secrets"),
        pytest.param(
            "g.png",
            b"\x89PNG\r\n\x1a\n-----BEGIN PRIVATE KEY-----",
            "is a PNG whose first chunk is not its header",
            id="key-behind-magic-bytes",
        ),
        pytest.param("h.gif", b"GIF89a", "is a GIF that is cut off, or still being written", id="magic-bytes-alone"),
    ],
)
def test_invariant_3_what_is_no_image_does_not_leave(world: World, name: str, content: bytes, clause: str):
    path = world.allow / name
    path.write_bytes(content)
    assert refusal(str(path), world.roots) == (f'"{path}" {clause}; only PNG, JPEG, GIF and WebP images are sent.')


def test_invariant_3_bytes_behind_an_image_do_not_leave(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"PK\x03\x04" + b"hidden" * 1000)
    assert refusal(str(path), world.roots) == (
        f'"{path}" is refused: 6,004 bytes follow the image\'s end; the file may hold more than the picture.'
    )


def test_bytes_behind_an_image_are_read_for_whoever_cuts_them(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"hidden")
    image = read_image(str(path), world.roots, limit=LIMIT, trailing="keep")
    assert (image.data, image.picture.end) == (world.image + b"hidden", len(world.image))


def test_bytes_behind_an_image_count_towards_the_limit(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"hidden")
    limit = len(world.image) + 5
    assert f"and at most {limit:,} can be sent" in refusal(str(path), world.roots, limit=limit, trailing="keep")


def test_the_bytes_stand_in_no_repr(world: World):
    image = read_image(f"{world.allow}/shot.png", world.roots, limit=LIMIT)
    assert repr(image) == f"Image(path={image.path!r}, picture={image.picture!r}, done=(), notes=())"
