"""Many uploads at once: successes and failures in order, within bounds, and no request without need."""

from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from img402_mcp.client.apis.base import Receipt
from img402_mcp.client.batch import AT_ONCE, MAX_BYTES, Failure, in_words, markdown, upload_batch, upload_matching
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.snippets import snippet
from img402_mcp.client.upload import Upload
from img402_mcp.errors import AnswerLost, Img402Error, NotReached, ReadRefused, UploadFailed, UploadRejected

REFUSED = ReadRefused('"b.png" is not an image.')
LIMIT = UploadRejected("The free uploads are used up for today.", code="daily_limit")
NO_NET = NotReached("i.example could not be reached; nothing was sent.")
LOST = AnswerLost("i.example did not answer in time.")
TOO_LARGE = UploadRejected("The image has too many bytes.", code="file_too_large")


async def turns():
    """Waits long enough for other tasks to start."""
    for _ in range(200):
        await anyio.lowlevel.checkpoint()


def url(path: str) -> str:
    return f"https://i.example/{path.encode().hex()}.png"


def uploaded(path: str) -> Upload:
    return Upload(Receipt(url(path), "id", "image/png", 1, None), 1, 1, snippet(Path(path), url(path)))


@dataclass
class Uploads:
    """Uploads, or fails as configured; counts how many run at once. With a `gate`, files wait for it."""

    errors: dict[str, Exception] = field(default_factory=dict)
    gate: anyio.Event | None = None
    begun: list[str] = field(default_factory=list)
    now: int = 0
    most: int = 0

    async def upload(self, path, progress=None):
        self.begun.append(path)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await (self.gate.wait() if self.gate else turns())
            return await self._answer(path, progress)
        finally:
            self.now -= 1

    async def _answer(self, path, progress):
        if path in self.errors:
            raise self.errors[path]
        for sent in (30, 60, 90) if progress else ():
            await progress(sent, 90)
        return uploaded(path)


def summary(batch):
    return {
        "uploads": [(each.path, each.upload.receipt.url) for each in batch.uploads],
        "failures": [(each.path, each.error) for each in batch.failures],
        "unsent": [*batch.unsent],
        "stopped_by": batch.stopped_by,
        "retry": [*batch.retry],
    }


def many(count: int) -> list[str]:
    return [f"{number}.png" for number in range(count)]


async def test_one_bad_file_hides_none_of_the_good_ones_and_the_order_is_kept():
    batch = await upload_batch(
        Uploads({"b.png": REFUSED, "d.png": TOO_LARGE}).upload, ["c.png", "b.png", "a.png", "d.png"]
    )
    assert summary(batch) == {
        "uploads": [("c.png", url("c.png")), ("a.png", url("a.png"))],
        "failures": [("b.png", REFUSED), ("d.png", TOO_LARGE)],
        "unsent": [],
        "stopped_by": None,
        "retry": [],
    }


async def test_the_same_path_twice_is_uploaded_once():
    uploads = Uploads()
    batch = await upload_batch(uploads.upload, ["a.png", "b.png", "a.png"])
    assert (uploads.begun, batch.paths) == (["a.png", "b.png"], ("a.png", "b.png"))


async def test_failures_that_are_not_the_files_fault_are_to_be_retried():
    batch = await upload_batch(Uploads({"a.png": LOST, "b.png": REFUSED}).upload, ["a.png", "b.png", "c.png"])
    assert (batch.retry, batch.unsent, batch.stopped_by) == (("a.png",), (), None)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(LIMIT, id="daily-limit"),
        pytest.param(UploadRejected("Asked too often.", code="too_many"), id="too-many"),
        pytest.param(NO_NET, id="not-reached"),
    ],
)
async def test_once_the_api_refuses_more_uploads_no_further_file_is_started(error):
    paths = many(AT_ONCE + 10)
    uploads = Uploads({"0.png": error})
    batch = await upload_batch(uploads.upload, paths)
    begun = paths[:AT_ONCE]
    assert uploads.begun == begun
    assert summary(batch) == {
        "uploads": [(path, url(path)) for path in begun[1:]],
        "failures": [("0.png", error)],
        "unsent": paths[AT_ONCE:],
        "stopped_by": error,
        "retry": ["0.png", *paths[AT_ONCE:]],
    }


async def test_an_api_that_fails_three_times_in_a_row_is_not_asked_again():
    paths = many(AT_ONCE * 3)
    uploads = Uploads(dict.fromkeys(paths, LOST))
    batch = await upload_batch(uploads.upload, paths)
    assert len(uploads.begun) < AT_ONCE * 2
    assert (batch.stopped_by, batch.retry) == (LOST, tuple(paths))


async def test_an_api_that_fails_now_and_then_is_still_asked():
    paths = many(AT_ONCE * 3)
    batch = await upload_batch(Uploads(dict.fromkeys(paths[::2], LOST)).upload, paths)
    assert (batch.unsent, batch.retry) == ((), tuple(paths[::2]))


async def test_a_bug_with_one_file_loses_no_url(caplog):
    batch = await upload_batch(
        Uploads({"b.png": ZeroDivisionError("secret words")}).upload, ["a.png", "b.png", "c.png"]
    )
    (failure,) = batch.failures
    assert [each.path for each in batch.uploads] == ["a.png", "c.png"]
    assert in_words(failure) == ('"b.png": It failed unexpectedly (ZeroDivisionError); see the log.')
    assert "secret words" in caplog.text


async def test_a_cancelled_call_cancels_all_uploads():
    uploads = Uploads(gate=anyio.Event())
    async with anyio.create_task_group() as calls:
        calls.start_soon(upload_batch, uploads.upload, many(100))
        await anyio.wait_all_tasks_blocked()
        calls.cancel_scope.cancel()
    assert (uploads.now, len(uploads.begun)) == (0, AT_ONCE)


# In bounds


async def test_the_number_of_uploads_at_once_is_bounded():
    uploads = Uploads()
    await upload_batch(uploads.upload, many(100))
    assert (uploads.most, len(uploads.begun)) == (AT_ONCE, 100)


@pytest.mark.parametrize(
    ("size", "most"),
    [
        pytest.param(MAX_BYTES // AT_ONCE, AT_ONCE, id="small"),
        pytest.param(MAX_BYTES // 2, 2, id="large"),
        pytest.param(MAX_BYTES // 2 + 1, 1, id="larger"),
        pytest.param(MAX_BYTES * 2, 1, id="too-large-for-all"),
    ],
)
async def test_the_bytes_in_memory_are_bounded(size, most):
    uploads = Uploads()
    paths = many(AT_ONCE * 2)
    batch = await upload_batch(uploads.upload, paths, sizes=dict.fromkeys(paths, size))
    assert (uploads.most, len(batch.uploads)) == (most, len(paths))


async def test_progress_covers_the_whole_batch_and_only_grows():
    heard = []

    async def progress(parts, total):
        await anyio.lowlevel.checkpoint()
        heard.append((parts, total))

    paths = many(40)
    await upload_batch(Uploads(dict.fromkeys(paths[::3], REFUSED)).upload, paths, progress)
    parts = [each for each, _ in heard]
    assert {total for _, total in heard} == {4000}
    assert parts == sorted(set(parts))
    assert parts[-1] == 4000


# Patterns


@pytest.fixture
def folder(tmp_path):
    for name in ("shot2.png", "shot10.png", "other.gif"):
        (tmp_path / name).write_bytes(b"12345")
    return tmp_path


async def test_patterns_without_a_file_are_listed_as_failures(folder):
    uploads = Uploads()
    batch = await upload_matching(uploads.upload, [f"{folder}/*.webp", f"{folder}/*.png"], Roots.resolve([folder]))
    (failure,) = batch.failures
    assert [*batch.paths] == uploads.begun == [f"{folder}/shot2.png", f"{folder}/shot10.png"]
    assert (failure.path, in_words(failure)) == (f"{folder}/*.webp", str(failure.error))


@pytest.mark.parametrize(
    ("patterns", "reason"),
    [
        pytest.param([], "paths is empty; name at least one file or pattern. Nothing was sent.", id="none"),
        pytest.param(
            ["{folder}/shot*", "{folder}/*.gif"],
            "These are 3 files, and at most 2 go in one call: name fewer, or a narrower pattern. Nothing was sent.",
            id="too-many-files",
        ),
        pytest.param(
            ["a", "b", "c"],
            "These are 3 files, and at most 2 go in one call: name fewer, or a narrower pattern. Nothing was sent.",
            id="too-many-patterns",
        ),
    ],
)
async def test_no_paths_or_too_many_are_refused_before_anything_is_sent(folder, patterns, reason):
    uploads = Uploads()
    named = [pattern.format(folder=folder) for pattern in patterns]
    with pytest.raises(ReadRefused) as caught:
        await upload_matching(uploads.upload, named, Roots.resolve([folder]), most=2)
    assert (str(caught.value), uploads.begun) == (reason, [])


def test_a_failure_names_its_file_once():
    assert [in_words(Failure("b.png", error)) for error in (REFUSED, LIMIT)] == [
        '"b.png" is not an image.',
        '"b.png": The free uploads are used up for today.',
    ]


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (LOST, True),
        (UploadFailed(""), True),
        (LIMIT, True),
        (TOO_LARGE, False),
        (REFUSED, False),
        (Img402Error(), False),
    ],
)
def test_temporary_failures_are_told_apart(error, may_pass):
    assert Failure("a.png", error).may_pass is may_pass


# The block to paste


def cell(path: str) -> str:
    return snippet(Path(path), url(path))


async def block(paths, failing=(), *, pairs):
    return markdown(await upload_batch(Uploads(dict.fromkeys(failing, REFUSED)).upload, paths), pairs=pairs)


async def test_the_markdown_is_one_image_a_line():
    assert await block(["a.png", "b.png", "c.png"], ["b.png"], pairs=False) == f"{cell('a.png')}\n{cell('c.png')}"


HEAD = "|  |  |\n| --- | --- |\n"
NAMED = "| Before | After |\n| --- | --- |\n"


@pytest.mark.parametrize(
    ("paths", "failing", "table"),
    [
        pytest.param(
            ["a.png", "b.png", "c.png", "d.png"],
            [],
            f"{HEAD}| {cell('a.png')} | {cell('b.png')} |\n| {cell('c.png')} | {cell('d.png')} |",
            id="by-place",
        ),
        pytest.param(
            ["a.png", "b.png", "c.png"],
            [],
            f"{HEAD}| {cell('a.png')} | {cell('b.png')} |\n| {cell('c.png')} |  |",
            id="an-odd-one",
        ),
        pytest.param(
            ["a.png", "b.png", "c.png", "d.png"],
            ["b.png"],
            f"{HEAD}| {cell('a.png')} |  |\n| {cell('c.png')} | {cell('d.png')} |",
            id="none-takes-the-place-of-one-that-failed",
        ),
        pytest.param(
            ["login-after.png", "login-before.png"],
            [],
            f"{NAMED}| {cell('login-before.png')} | {cell('login-after.png')} |",
            id="by-name",
        ),
        pytest.param(
            ["after_1.png", "after_2.jpg", "Before_1.png", "before_2.png"],
            [],
            f"{NAMED}| {cell('Before_1.png')} | {cell('after_1.png')} |\n"
            f"| {cell('before_2.png')} | {cell('after_2.jpg')} |",
            id="by-name-in-front-in-any-case",
        ),
        pytest.param(
            ["x/after.png", "y/before.png"],
            [],
            f"{HEAD}| {cell('x/after.png')} | {cell('y/before.png')} |",
            id="of-two-folders-is-no-pair-by-name",
        ),
        pytest.param(
            ["before1.png", "after1.png", "more.png", "a-before.png"],
            ["after1.png"],
            f"{NAMED}| {cell('before1.png')} |  |\n\n{cell('more.png')}\n{cell('a-before.png')}",
            id="the-rest-stands-below",
        ),
        pytest.param(
            ["thereafter.png", "beforehand.png"],
            [],
            f"{HEAD}| {cell('thereafter.png')} | {cell('beforehand.png')} |",
            id="words-within-words",
        ),
        pytest.param(["a.png", "b.png"], ["a.png", "b.png"], "", id="nothing"),
    ],
)
async def test_pairs_are_next_to_each_other_in_a_table(paths, failing, table):
    assert await block(paths, failing, pairs=True) == table


@pytest.mark.parametrize("name", ["a|b.png", "a\\|b.png", "`|`.png", "a\n| x |.png", "a](x)|[.png"])
async def test_a_name_cannot_break_out_of_its_cell(name):
    table = await block([name, "b.png"], pairs=True)
    last = table.split("\n")[-1]
    cleaned = last.replace("\\\\", "").replace("\\|", "")
    assert (table.count("\n"), cleaned.count("|")) == (2, 3)
