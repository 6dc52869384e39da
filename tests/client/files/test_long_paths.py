"""A file deep below a root is read and found. On Windows its path is too long to be opened as it is."""

from pathlib import Path

import pytest

from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.paths import on_disk, resolved
from img402_mcp.client.files.safe_glob import expanded
from tests.client.files.world import LIMIT, World, whole
from tests.fakes.posix import LONG_PATHS

pytestmark = LONG_PATHS


@pytest.fixture
def deep(world: World) -> Path:
    path = world.allow.joinpath(*[f"{number} a folder with a name of fifty characters, or so" for number in range(6)])
    on_disk(path).mkdir(parents=True)
    on_disk(path / "shot.png").write_bytes(world.image)
    return path / "shot.png"


def test_an_image_deep_below_is_read_and_found(world: World, deep: Path):
    assert len(str(deep)) > 300
    assert read_image(str(deep), world.roots, limit=LIMIT) == whole(deep, world.image)
    (found,) = expanded([str(world.allow / "*folder*" / "**" / "*.png")], world.roots).sizes.items()
    assert found == (str(deep), len(world.image))


def test_a_long_path_is_resolved_to_its_plain_spelling(world: World, deep: Path):
    assert resolved(deep.parent / ".." / deep.parent.name / "shot.png") == deep
    assert resolved(world.allow / "shot.png") == world.allow / "shot.png"
