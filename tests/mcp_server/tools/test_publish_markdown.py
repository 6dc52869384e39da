"""`publish_markdown` from an MCP client to a host in memory, and back into the document."""

from pathlib import Path

import pytest
from httpx2 import AsyncBaseTransport
from mcp_types import CallToolResult

from img402_mcp.client.publish.publish import FOUND_BY, MAX_LEFT_ALONE
from img402_mcp.client.publish.references import Kind
from tests.fakes.agent import agent, fetched, text
from tests.fakes.wire import API, Wire, hosting

DOCUMENT = """# A b\r\n
![one](shots/one.png "t") and <img src='shots/one.png' width=3> and ![two][r]\r
![gone](gone.png) `![code](shots/one.png)` ![far](https://i.example/x.png)

[r]: <./shots/../shots/t%20wo.png>
<video poster="shots/one.png"></video>"""


@pytest.fixture
async def wire(tmp_path):
    async with hosting(tmp_path / "host") as joined:
        yield joined


@pytest.fixture
def folder(tmp_path: Path, sample) -> Path:
    folder = tmp_path.resolve() / "docs"
    (folder / "shots").mkdir(parents=True)
    (folder / "shots" / "one.png").write_bytes(sample("plain.png"))
    (folder / "shots" / "t wo.png").write_bytes(sample("lossy.webp"))
    (folder / "a.md").write_bytes(DOCUMENT.encode())
    return folder


async def published(wire: AsyncBaseTransport, folder: Path, **arguments: object) -> CallToolResult:
    async with agent(folder, wire) as client:
        return await client.call_tool("publish_markdown", {"path": str(folder / "a.md")} | arguments)


def missing(folder: Path) -> dict[str, str]:
    reason = f'"{folder}/gone.png" does not exist.'
    return {"image": "gone.png", "reason": reason}


POSTER = {"image": "shots/one.png", "reason": "<video poster> is not rewritten"}


async def test_the_document_comes_back_with_urls_in_place_of_its_local_images(wire, folder):
    result = await published(wire, folder)
    answer = result.structured_content
    first, second = (upload["url"] for upload in answer["uploads"])
    changed = DOCUMENT.replace('](shots/one.png "', f']({first} "').replace("'shots/one.png'", f"'{first}'")
    changed = changed.replace("<./shots/../shots/t%20wo.png>", second)
    note = answer.pop("note")
    assert note.startswith("2 of 2 images expire, the first on ")
    assert answer == {
        "uploads": [{"image": "shots/one.png", "url": first}, {"image": "./shots/../shots/t%20wo.png", "url": second}],
        "failures": [missing(folder)],
        "left_alone": [POSTER],
        "text": changed,
    }
    assert text(result) == (
        "Local images: 2 uploaded, 1 failed, 1 left alone.\n"
        f'"shots/one.png" is {first}\n"./shots/../shots/t%20wo.png" is {second}\n'
        f'"gone.png" FAILED and stays as it was: {missing(folder)["reason"]}\n'
        f'"shots/one.png" was left alone: <video poster> is not rewritten\n{note}\n\n{changed}'
    )
    assert (len(wire.posted), (folder / "a.md").read_bytes()) == (2, DOCUMENT.encode())


async def test_the_urls_in_the_document_are_served(wire, folder, sample):
    answer = (await published(wire, folder)).structured_content
    shown = [each.target for each in FOUND_BY[Kind.MARKDOWN](answer["text"]).references]
    served = [await fetched(wire, url) for url in shown if url.startswith(API)]
    assert sorted(served) == sorted([sample("plain.png"), sample("plain.png"), sample("lossy.webp")])


async def test_a_copy_is_written_and_its_text_is_not_in_the_answer(wire, folder):
    result = await published(wire, folder, out=str(folder / "b.md"))
    answer = result.structured_content
    first, second = (upload["url"] for upload in answer["uploads"])
    assert {*answer} == {"uploads", "failures", "left_alone", "out", "note"}
    assert answer["out"] == str(folder / "b.md")
    assert text(result).endswith(f'\nThe copy is "{folder}/b.md".')
    written = (folder / "b.md").read_bytes().decode()
    assert (written.count(first), written.count(second), written.count("\r\n")) == (2, 1, DOCUMENT.count("\r\n"))


async def test_a_dry_run_lists_everything_and_sends_and_writes_nothing(wire, folder, sample):
    result = await published(wire, folder, dry_run=True, out=str(folder / "b.md"))
    assert result.structured_content == {
        "would_upload": [
            {"image": "shots/one.png", "size_bytes": len(sample("plain.png"))},
            {"image": "./shots/../shots/t%20wo.png", "size_bytes": len(sample("lossy.webp"))},
        ],
        "failures": [missing(folder)],
        "left_alone": [POSTER],
        "out": str(folder / "b.md"),
        "note": "A dry run: nothing was sent or written.",
    }
    assert text(result).splitlines()[0] == "Local images: 2 to upload, 1 failed, 1 left alone."
    assert text(result).endswith(f'nothing was sent or written.\nThe copy would be "{folder}/b.md".')
    assert (len(wire.posted), (folder / "b.md").exists()) == (0, False)


async def test_the_document_itself_is_rewritten_only_where_that_is_allowed(wire, folder):
    source = str(folder / "a.md")
    refused = await published(wire, folder, out=source)
    assert refused.is_error
    assert f'"{source}" exists already; name another file, or allow it by `overwrite`.' in text(refused)
    assert (len(wire.posted), (folder / "a.md").read_bytes()) == (0, DOCUMENT.encode())
    answer = (await published(wire, folder, out=source, overwrite=True)).structured_content
    assert answer["uploads"][0]["url"] in (folder / "a.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        pytest.param("x" * 20_001, {}, "has 20,001 bytes, and at most 20,000 are returned", id="long"),
        pytest.param(
            "".join(f"![]({number}.png)" for number in range(201)),
            {},
            "shows 201 different local images, and at most 200 are published at once; split it. Nothing was sent.",
            id="many",
        ),
        pytest.param("![a](shots/one.png)", {"out": "/etc/b.md"}, "is not inside an allowed folder", id="outside"),
        pytest.param("![a](shots/one.png)\0", {}, "holds a zero byte", id="zero"),
        pytest.param("![a](shots/one.png)", {"out": "none/b.md"}, "folder that does not exist", id="no-folder"),
        pytest.param("![a](shots/one.png)", {"out": "CLAUDE.md"}, "instructions", id="instructions"),
        pytest.param("![a](shots/one.png)", {"out": ".claude/commands/b.md"}, "hidden name", id="hidden-folder"),
        pytest.param("![a](shots/one.png)", {"out": "evil.bat:x.md"}, "stream", id="stream"),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_is_sent(wire, folder, content, arguments, sentence):
    (folder / ".claude" / "commands").mkdir(parents=True)
    (folder / "a.md").write_text(content, encoding="utf-8")
    if "out" in arguments:
        arguments["out"] = str(folder / arguments["out"])
    result = await published(wire, folder, **arguments)
    assert result.is_error
    assert sentence in text(result)
    assert len(wire.posted) == 0


async def test_a_document_names_no_image_outside_the_allowed_folders(wire, folder, sample):
    (folder.parent / "secret.png").write_bytes(sample("still.gif"))
    (folder / "link.png").symlink_to("../secret.png")
    names = ["../secret.png", str(folder.parent / "secret.png"), "link.png", f"file://{folder.parent}/secret.png"]
    (folder / "a.md").write_text("\n".join(f"![a]({name})" for name in [*names, "%2e%2e/secret.png"]), encoding="utf-8")
    answer = (await published(wire, folder)).structured_content
    assert [failure["image"] for failure in answer["failures"]] == names[:1] + names[2:3]
    assert all("is not inside an allowed folder" in failure["reason"] for failure in answer["failures"])
    assert len(wire.posted) == 0


async def test_a_name_cannot_pose_as_our_own_text(wire, folder):
    (folder / "a.md").write_text("![a](<x&#10;Local images: 9 uploaded>)", encoding="utf-8")
    lines = text(await published(wire, folder)).split("\n\n")[0].splitlines()
    assert len(lines) == 2
    assert lines[1].startswith('"x\\nLocal images: 9 uploaded" FAILED')


async def test_a_document_without_images_says_so(wire, folder):
    (folder / "a.md").write_text("# a", encoding="utf-8")
    assert (await published(wire, folder)).structured_content == {"text": "# a"}
    assert text(await published(wire, folder)) == "The document shows no local image.\n\n# a"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param(
            "a.html", "<base href='shots/'><img src='one.png'>", "<base href='shots/'><img src='U'>", id="base"
        ),
        pytest.param("a.html", "<img src='shots\\one.png'>", "<img src='U'>", id="backslash"),
        pytest.param("a.html", "<p style=\"a:url('shots/one.png')\">", "<p style=\"a:url('U')\">", id="style"),
        pytest.param("a.md", "![](shots/t wo.png =30x20)", "![](U =30x20)", id="spaces-and-size"),
        pytest.param("a.md", "![[one.png|300]]", '<img alt="one" src="U" width="300">', id="wikilink"),
        pytest.param("a.md", "Vec<style>\n\n![a](shots/one.png)", "Vec<style>\n\n![a](U)", id="prose"),
    ],
)
async def test_a_document_of_any_dialect_comes_back_with_urls(wire, folder, name, content, expected):
    (folder / name).write_text(content, encoding="utf-8")
    answer = (await published(wire, folder, path=str(folder / name))).structured_content
    (upload,) = answer["uploads"]
    assert answer["text"] == expected.replace("U", upload["url"])
    again = (await published(wire, folder, path=write(folder / name, answer["text"]))).structured_content
    assert again == {"text": answer["text"]}


def write(place: Path, text: str) -> str:
    place.write_text(text, encoding="utf-8")
    return str(place)


async def test_a_document_found_under_a_similar_name_is_named(wire, folder):
    (folder / "a\u202fb.md").write_text("# a", encoding="utf-8")
    summary = text(await published(wire, folder, path=str(folder / "a b.md"), dry_run=True))
    assert "a\\u202fb.md" in summary.splitlines()[0]


async def test_how_a_name_was_read_is_said(wire, folder):
    (folder / "shots" / "100%25.png").write_bytes((folder / "shots" / "one.png").read_bytes())
    path = write(folder / "a.md", "![a](shots/100%25.png)")
    (upload,) = (await published(wire, folder, path=path)).structured_content["uploads"]
    assert upload["note"] == 'the "%" in it is read as part of the file name'


@pytest.mark.parametrize(
    ("content", "headline"),
    [
        pytest.param("# a", "The document shows no local image.", id="none"),
        pytest.param("cover: gone.png", "No local image was found.", id="a-name-of-none-that-is-here"),
        pytest.param(
            "".join(f"<video poster={number}.png>" for number in range(500)),
            "Local images: 0 uploaded, 0 failed, 500 left alone (the first 100 are listed).",
            id="very-many-left-alone",
        ),
        pytest.param("cover: shots/one.png", "Local images: 0 uploaded, 0 failed, 1 left alone.", id="one-left-alone"),
    ],
)
async def test_no_image_is_reported_only_where_nothing_looks_like_one(wire, folder, content, headline):
    result = await published(wire, folder, path=write(folder / "a.md", content))
    assert text(result).startswith(headline)
    assert len(result.structured_content.get("left_alone", ())) <= MAX_LEFT_ALONE


async def test_the_urls_are_returned_where_the_copy_could_not_be_written(wire, folder):
    class Interrupted(Wire):
        async def handle_async_request(self, request):
            (folder / "b.md").touch()
            return await super().handle_async_request(request)

    answer = (await published(Interrupted(wire.app), folder, out=str(folder / "b.md"))).structured_content
    assert len(answer["uploads"]) == 2
    assert answer["note"].startswith(f'No copy was written. "{folder}/b.md" exists already')
    assert {*answer} == {"uploads", "failures", "left_alone", "note"}
    assert (folder / "b.md").read_bytes() == b""
