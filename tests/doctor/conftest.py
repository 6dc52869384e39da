import pytest

from img402_mcp.doctor.finding import Finding
from img402_mcp.doctor.runner import CHECKS, run_checks


@pytest.fixture
def found(tmp_path):
    """`await found("api", IMG402_...="...")`: what that check finds, with a home and a working folder of its own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()

    async def look(name: str, **environ: str) -> list[Finding]:
        environ = {"IMG402_STATE_DIR": str(tmp_path / "state"), "IMG402_ALLOW_DIRS": str(tmp_path / "here")} | environ
        checks = {name: CHECKS[name]}
        return (await run_checks(environ, tmp_path / "home", tmp_path / "here", checks))[name]

    return look


@pytest.fixture
def levels_and_texts(found):
    """The same, as levels and sentences."""

    async def look(name: str, **environ: str) -> list[tuple[str, str]]:
        return [(each.level, each.said) for each in await found(name, **environ)]

    return look
