import io
from collections.abc import AsyncIterator
from pathlib import Path

import PIL.Image
import pytest

from tests.fakes.folders import in_memory
from tests.fakes.io42 import Platform, io42_platform
from tests.fakes.keys import SELLING
from tests.fakes.wire import Wire, hosting


@pytest.fixture(scope="session")
def drawn() -> bytes:
    """A drawing as PNG, about 10,000 bytes."""
    picture = PIL.Image.radial_gradient("L").resize((160, 120)).convert("RGB")
    return as_png(picture)


@pytest.fixture(scope="session")
def noisy() -> bytes:
    """A PNG of about 1,600,000 bytes, which cannot be made smaller without loss."""
    return as_png(PIL.Image.effect_noise((800, 700), 60).convert("RGB"), level=0)


def as_png(picture, level: int = 6) -> bytes:
    packed = io.BytesIO()
    picture.save(packed, "PNG", compress_level=level)
    return packed.getvalue()


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    """A wire to a host that sells for play money, and accepts at most 2,000 bytes."""
    async with hosting(tmp_path / "host", SELLING | {"IMG402_HOST_PAID_MAX_BYTES": "2000"}) as joined:
        yield joined


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    with in_memory() as folder:
        async with io42_platform(folder) as joined:
            yield joined


@pytest.fixture
def logo(platform: Platform, picture_of) -> Path:
    path = platform.pictures / "salary list.png"
    path.write_bytes(picture_of(120, 100))
    return path
