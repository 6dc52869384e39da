"""`img402-mcp host admin images`: how the operator lists, deletes and verifies images."""

import json
import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest
from httpx2 import AsyncClient

from img402_mcp.cli import main
from img402_mcp.errors import SettingsError
from tests.fakes.fixtures import Hosting, Sample

Admin = Callable[..., tuple[int, Any]]


@pytest.fixture
def admin(data: Path, capsys: pytest.CaptureFixture[str]) -> Admin:
    """`admin("images", "list")`: its exit code, and what it prints with --json."""

    def run(*words: str) -> tuple[int, Any]:
        code = main.run(["host", "admin", *words, "--data", str(data), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
async def urls(client: AsyncClient, sample: Sample) -> list[str]:
    files = [{"image": sample(name)} for name in ("plain.png", "exif.jpg", "still.gif")]
    return [(await client.post("/api/free", files=it)).json()["url"] for it in files]


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param([], [0, 1, 2], id="all"),
        pytest.param(["--kind", "free"], [0, 1, 2], id="free"),
        pytest.param(["--kind", "paid"], [], id="paid"),
        pytest.param(["--kind", "private"], [], id="private"),
        pytest.param(["--larger", "1217"], [1, 2], id="larger"),
        pytest.param(["--since", "2026-02-08"], [0, 1, 2], id="since"),
        pytest.param(["--since", "2026-02-08T12:00:01Z"], [], id="since-later"),
        pytest.param(["--before", "2026-02-08"], [], id="before"),
    ],
)
async def test_the_list_is_filtered(admin: Admin, urls: list[str], filters: list[str], found: list[int]):
    code, listed = admin("images", "list", *filters)
    assert (code, {it["image"] for it in listed}) == (0, {name_of(urls[number]) for number in found})


async def test_an_image_is_listed_with_all_that_is_known(admin: Admin, urls: list[str]):
    _, listed = admin("images", "list")
    (png,) = (it for it in listed if it["image"].endswith(".png"))
    assert png == {
        "image": name_of(urls[0]),
        "kind": "free",
        "type": "image/png",
        "bytes": 1217,
        "created_at": "2026-02-08T12:00:00Z",
        "expires_at": "2026-02-15T12:00:00Z",
    }
    assert len(admin("images", "list", "--limit", "2")[1]) == 2


@pytest.mark.parametrize("flag", ["--limit", "--larger"])
@pytest.mark.parametrize("number", ["-1", "9" * 19, "9" * 5000, "1e3", "\u0663", ""])
def test_a_number_that_no_database_takes_is_refused_in_a_sentence(
    data: Path, capsys: pytest.CaptureFixture[str], flag: str, number: str
):
    assert main.run(["host", "admin", "images", "list", f"{flag}={number}", "--data", str(data)]) == 2
    assert f"Invalid value for '{flag}'" in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["0001-01-01T00:00+23:59", "9999-12-31T23:59:59.999999-23:59"])
@pytest.mark.parametrize("flag", ["--since", "--before"])
async def test_the_first_and_the_last_moment_are_moments(admin: Admin, urls: list[str], flag: str, moment: str):
    all_or_none = {("--since", "0"): len(urls), ("--before", "9"): len(urls)}.get((flag, moment[0]), 0)
    assert len(admin("images", "list", flag, moment, "--limit", "999999999")[1]) == all_or_none


async def test_usage_counts_kinds_and_days(admin: Admin, urls: list[str]):
    assert admin("images", "usage") == (
        0,
        [
            {"kind": "free", "images": 3, "bytes": 4095},
            {"kind": "paid", "images": 0, "bytes": 0},
            {"kind": "private", "images": 0, "bytes": 0},
            {"day": "2026-02-08", "images": 3, "bytes": 4095},
        ],
    )


async def test_images_are_deleted_by_name_id_or_address(
    admin: Admin, client: AsyncClient, urls: list[str], on_disk: Callable[[], list[str]]
):
    one, two, three = urls
    given = [name_of(one), name_of(two).partition(".")[0], three]
    code, deleted = admin("images", "delete", *given)
    assert (code, deleted) == (0, [{"image": name_of(url), "deleted": True} for url in urls])
    assert [(await client.get(url)).status_code for url in urls] == [404] * 3
    assert on_disk() == []
    assert admin("images", "delete", one) == (1, [{"image": one, "deleted": False}])
    with pytest.raises(SettingsError, match=r'"\.\./etc" does not name an image of a host.'):
        admin("images", "delete", "../etc")


async def test_verify_reports_each_mismatch_and_its_fix(admin: Admin, data: Path, hosting: Hosting, sample: Sample):
    async with hosting():  # makes the folders; one that goes on running would remove the orphan itself
        pass
    # By the real clock: the command decides by it what has expired.
    kept = data / "blobs" / "kept"
    names = ["aaaaaaaaaaaa1.png", "aaaaaaaaaaaa2.png", "aaaaaaaaaaaa3.png", "aaaaaaaaaaaa4.png"]
    _add_rows(data, names)
    for name in [*names, "aaaaaaaaaaaa5.png", "aaaaaaaaaaaa6.png"]:
        (kept / name).write_bytes(sample("plain.png"))
    assert admin("images", "verify", "--deep") == (0, [])
    (kept / names[0]).unlink()
    (kept / names[1]).write_bytes(b"short")
    (kept / names[2]).write_bytes(b"x" * 1217)
    os.utime(kept / "aaaaaaaaaaaa5.png", (0, 0))  # the other one may be an upload whose row is not written yet
    restore = "restore the file from a backup, or delete the image"
    found = [
        {"image": names[0], "fault": "missing", "way_out": restore},
        {"image": names[1], "fault": "wrong size", "way_out": restore},
        {"image": "aaaaaaaaaaaa5.png", "fault": "orphan", "way_out": "nothing: the host removes it within the hour"},
    ]
    assert admin("images", "verify") == (1, found)
    wrong = {"image": names[2], "fault": "wrong type", "way_out": restore}
    assert admin("images", "verify", "--deep") == (1, [*found[:2], wrong, found[2]])


def _add_rows(data: Path, names: list[str]) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    with closing(connect(data / "index.sqlite")) as database, database:
        database.executemany(
            "INSERT INTO images VALUES (?, 'png', 1217, ?, ?, 0)",
            [(name.partition(".")[0], now, now + 86_400_000) for name in names],
        )
