"""`upload_batch` through an MCP client, joined with a host in memory."""

import json
from contextlib import asynccontextmanager

import pytest

from tests.fakes.agent import agent
from tests.fakes.wire import hosting


@pytest.fixture
def folder(pictures, sample):
    for name in ("shot2.png", "shot10.png"):
        (pictures / name).write_bytes(sample("plain.png"))
    (pictures / "photo.jpg").write_bytes(sample("exif.jpg"))
    (pictures / "notes.txt").write_text("no image")
    return pictures


@asynccontextmanager
async def joined(folder, **environ):
    async with hosting(folder.parent / "host", environ) as wire, agent(folder, wire, history=False) as client:
        yield client


async def uploaded(client, paths, **arguments):
    result = await client.call_tool("upload_batch", {"paths": paths, **arguments})
    (part,) = result.content
    return result, part.text.splitlines()


async def test_uploads_and_failures_are_listed_side_by_side(folder):
    async with joined(folder) as client:
        result, lines = await uploaded(client, [f"{folder}/shot*.png", f"{folder}/notes.txt", f"{folder}/photo.jpg"])
    answer = result.structured_content
    urls = [each["url"] for each in answer["uploads"]]
    removed = answer["uploads"][2]["done"]
    expiry = min(each["expires_at"] for each in answer["uploads"])
    assert not result.is_error
    assert answer == {
        "uploads": [
            {
                "path": f"{folder}/{name}",
                "url": url,
                "expires_at": each["expires_at"],
                "verified": True,
            }
            | ({"done": removed} if name == "photo.jpg" else {})
            for name, url, each in zip(("shot2.png", "shot10.png", "photo.jpg"), urls, answer["uploads"], strict=True)
        ],
        "failures": [{"path": f"{folder}/notes.txt", "error": answer["failures"][0]["error"]}],
        "retry": [],
        "markdown": f"![shot2]({urls[0]})\n![shot10]({urls[1]})\n![photo]({urls[2]})",
        "note": f"3 of 3 images expire, the first on {expiry[:10]}.",
    }
    assert removed.startswith("removed: ")
    assert lines == [
        *answer["markdown"].splitlines(),
        f"3 uploaded, 1 failed, 0 not tried. {answer['note']}",
        f'"{folder}/photo.jpg": sent after: {removed}',
        f"FAILED {answer['failures'][0]['error']}",
    ]


async def test_only_where_every_file_failed_is_it_an_error(folder):
    async with joined(folder) as client:
        result, lines = await uploaded(client, [f"{folder}/notes.txt", "/etc/*"])
    assert result.is_error
    assert result.structured_content["uploads"] == []
    assert [line.partition(" does")[0].partition(" is")[0] for line in lines] == [
        "0 uploaded, 2 failed, 0 not tried.",
        'FAILED "/etc/*"',
        f'FAILED "{folder}/notes.txt"',
    ]


async def test_a_used_up_daily_limit_ends_with_exactly_what_to_retry(folder):
    async with joined(folder, IMG402_HOST_FREE_DAILY="1") as client:
        result, lines = await uploaded(client, [f"{folder}/shot*.png", f"{folder}/photo.jpg"])
    retry = result.structured_content["retry"]
    assert (result.is_error, len(result.structured_content["uploads"]), len(retry)) == (False, 1, 2)
    assert lines[-1] == f"To retry, later: upload_batch with paths {json.dumps(retry)}"
    assert "used up for today" in lines[-2]


async def test_pairs_and_width_shape_the_markdown(folder):
    async with joined(folder) as client:
        result, _ = await uploaded(client, [f"{folder}/shot*.png"], pairs=True, width=24)
    head, rule, row = result.structured_content["markdown"].splitlines()
    assert (head, rule, row.count('<img src="'), row.count('width="24"')) == ("|  |  |", "| --- | --- |", 2, 2)


async def test_progress_counts_images(folder):
    heard = []

    async def progress(parts, total, message):
        heard.append((parts, total, message))

    async with joined(folder) as client:
        await client.call_tool("upload_batch", {"paths": [f"{folder}/shot*.png"]}, progress_callback=progress)
    assert heard[-1] == (200, 200, "2 of 2 images")
    assert [parts for parts, _, _ in heard] == sorted(parts for parts, _, _ in heard)


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        pytest.param([], "paths is empty; name at least one file or pattern. Nothing was sent.", id="none"),
        pytest.param(["a.png"] * 101, "These are 101 files, and at most 100 go in one call", id="too-many"),
    ],
)
async def test_none_and_too_many_are_refused(folder, paths, sentence):
    async with joined(folder) as client:
        result, lines = await uploaded(client, paths)
    assert result.is_error
    assert sentence in lines[0]


async def test_a_name_that_is_not_utf_8_is_a_failure_with_a_reason(folder, sample):
    (folder / "caf\udce9.webp").write_bytes(sample("lossy.webp"))
    async with joined(folder) as client:
        result, _ = await uploaded(client, [f"{folder}/*.webp", f"{folder}/shot2.png"])
    (failure,) = result.structured_content["failures"]
    assert failure["path"] == f"{folder}/caf\\udce9.webp"
    assert "holds a character that is not UTF-8; rename the file" in failure["error"]
