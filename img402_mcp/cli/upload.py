"""The uploader for a person: markdown on stdout, so that `| pbcopy` works, and all remarks on stderr."""

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from glob import has_magic
from pathlib import Path
from types import SimpleNamespace as Flags
from typing import Any, NamedTuple

import anyio

from img402_mcp.cli.history import time_left
from img402_mcp.cli.parameters import PROGRAM
from img402_mcp.cli.progress_bar import ProgressBar
from img402_mcp.cli.shell_words import lines_to_paste
from img402_mcp.client.apis.base import Receipt
from img402_mcp.client.batch import Batch, Success, in_words, lives_of, markdown, upload_batch, upload_matching
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.files.paths import absolute
from img402_mcp.client.files.refusal import A_FOLDER, FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.image_bytes import image_from
from img402_mcp.client.result_text import facts_of, upload_fields
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.upload import Progress, Upload, Uploader, UploadOptions, open_uploader
from img402_mcp.errors import ReadRefused, SettingsError, quoted

UploadWith = Callable[..., Awaitable[Upload]]
"""`upload` of the free or the paid uploader."""

MAX_FILES = 10_000
"""The shell has expanded the pattern, and a person is watching."""
IN_THE_HISTORY = "An upload that was in progress may have arrived: `img402-mcp history` shows it."

STDIN = "-"


class GivenImage(NamedTuple):
    """`name` is used in place of the path: in the snippet, the history and messages."""

    name: str
    data: bytes


def given_image(flags: Flags, most: int) -> GivenImage | None:
    """None if there are paths. Raises ReadRefused, SettingsError. It blocks."""
    if not flags.clipboard and STDIN not in flags.paths:
        return None
    if (flags.clipboard and flags.paths) or len(flags.paths) > 1:
        raise SettingsError(
            "Give paths, or - for one image on stdin, or --clipboard; one of the three. `./-` is a file."
        )
    if flags.paid:
        raise SettingsError("--paid takes files only: save the image first. Nothing was sent or paid.")
    if not flags.clipboard:
        return GivenImage("image", _on_stdin(most))
    from img402_mcp.cli import clipboard  # noqa: PLC0415  # few commands need it

    return GivenImage("screenshot", clipboard.picture(most))


def _on_stdin(most: int) -> bytes:
    if sys.stdin.isatty():
        raise SettingsError("- reads an image from a pipe or a file: `img402-mcp upload - < shot.png`.")
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise ReadRefused(f"stdin holds more than {most:,} bytes. Nothing was sent.")
    return data


def run(flags: Flags) -> int:
    if flags.fresh and flags.paid:
        raise SettingsError("--fresh cannot be used with --paid: the same file is never paid for twice.")
    if flags.keep and flags.paid:
        raise SettingsError("--keep cannot be used with --paid: it is for free uploads.")
    settings = client_settings(os.environ, allow_dirs=flags.allow_dirs)
    given = given_image(flags, settings.max_bytes)
    roots = AllowList.of(settings, chosen_folders(() if given else flags.paths)).roots()
    finished: list[Success] = []
    try:
        batch = anyio.run(_done, settings, roots, flags, finished, given)
    except KeyboardInterrupt:
        _show(Batch(tuple(each.path for each in finished), tuple(finished)), flags)
        return interrupted(f"{len(finished)} uploaded until then")
    _show(batch, flags)
    copied = _copied(_printed(batch, flags)) if flags.copy and batch.uploads else 0
    if any(isinstance(failure.error, SettingsError) for failure in batch.failures):
        return 2
    return 1 if batch.failures or batch.unsent else copied


def _copied(text: str) -> int:
    from img402_mcp.cli import clipboard  # noqa: PLC0415  # few commands need it

    try:
        clipboard.put(text)
    except SettingsError as error:
        print(f"img402-mcp: {error}", file=sys.stderr)
        return 1
    return 0


def chosen_folders(paths: Sequence[str]) -> list[Path]:
    """The folders of the named files: anyone who names a file here has chosen it, and nothing else is opened. They are
    added only to the default folders. Folders set by a variable or flag limit a command too.
    """
    return [folder for path in paths if (folder := _folder(path)) and folder.is_dir()]


def _folder(path: str) -> Path | None:
    try:
        folder = Path(absolute(path, Roots(()))).parent
    except (FileRefused, RuntimeError):  # the uploader reports the fault
        return None
    while has_magic(str(folder)) and not folder.is_dir():
        folder = folder.parent
    return folder


async def _done(
    settings: Settings, roots: Roots, flags: Flags, finished: list[Success], given: GivenImage | None
) -> Batch:
    with closing(ProgressBar(sys.stderr)) as bar:
        async with _uploading(settings, roots, flags, given) as upload:

            async def one(path: str, progress: Progress | None) -> Upload:
                """A known URL is never lost, not even when the others are interrupted."""
                with bar.image(path) as enter:
                    options = UploadOptions(not flags.no_fit, flags.fresh, flags.width, flags.keep, on_stage=enter)
                    done = await upload(path, bar.sending(path, progress), options=options)
                finished.append(Success(path, done))
                return done

            if given:
                return await upload_batch(one, [given.name], bar.show)
            return await upload_matching(one, flags.paths, roots, bar.show, most=MAX_FILES)


@asynccontextmanager
async def _uploading(
    settings: Settings, roots: Roots, flags: Flags, given: GivenImage | None
) -> AsyncIterator[UploadWith]:
    async with open_uploader(settings, roots) as uploader:
        if given:
            yield partial(_upload_given, uploader, given)
            return
        if not flags.paid:
            yield uploader.upload
            return
        from img402_mcp.client.paid_upload import open_paid_uploader  # noqa: PLC0415  # a free upload needs none of it

        with open_paid_uploader(uploader) as paid:
            yield paid.upload


async def _upload_given(
    uploader: Uploader, given: GivenImage, _path: str, progress: Progress, *, options: UploadOptions
) -> Upload:
    image = await image_from(given.data, given.name, scrub=uploader.settings.scrub, fit=options.fit)
    return await uploader.upload_image(image, progress, options)


def interrupted(so_far: str) -> int:
    """The exit code."""
    print(f"img402-mcp: Interrupted; {so_far}. {IN_THE_HISTORY}", file=sys.stderr)
    return 130


def _show(batch: Batch, flags: Flags) -> None:
    if text := _printed(batch, flags):
        print(text, flush=True)
    for each in batch.uploads:
        print(f"{quoted(each.path)}: {facts_of(each.upload, _life(each.upload.receipt))}", file=sys.stderr)
    if (lives := lives_of(batch)).count(". "):  # more than when they expire
        print(lives, file=sys.stderr)
    show_failures(batch)
    if batch.retry and len(batch.paths) > 1:
        print("\n".join(lines_to_paste("To retry", batch.retry)), file=sys.stderr)
    for folder in (failure.path for failure in batch.failures if A_FOLDER in str(failure.error)):
        words = (PROGRAM, "upload", f"{folder.rstrip('/')}/*")
        print("\n".join(lines_to_paste("To upload the images in it", words)), file=sys.stderr)


def show_failures(batch: Batch) -> None:
    for failure in batch.failures:
        print(f"img402-mcp: {in_words(failure)}", file=sys.stderr)
    if batch.unsent:
        print(f"img402-mcp: Stopped early: {batch.stopped_by} {len(batch.unsent)} not tried.", file=sys.stderr)


def _life(receipt: Receipt) -> str:
    """How long the link lives, if the API says so."""
    if receipt.expires_at is None:
        return "" if receipt.notes else "kept for good"
    left = (receipt.expires_at - datetime.now(UTC)).total_seconds()
    return f"expires in {time_left(max(left, 0))} ({receipt.expires_at:%Y-%m-%d %H:%M}Z)"


def _printed(batch: Batch, flags: Flags) -> str:
    if flags.json:
        return json.dumps([*_entries(batch)], indent=2)
    if flags.url:
        return "\n".join(each.upload.receipt.url for each in batch.uploads)
    return markdown(batch, pairs=flags.pairs)


def _entries(batch: Batch) -> Iterator[dict[str, Any]]:
    """The same fields as the tools' answers, for each file. `retry`: the same file may succeed later."""
    retry = {*batch.retry}
    for each in batch.uploads:
        yield {"path": each.path} | upload_fields(each.upload)
    for failure in batch.failures:
        yield {"path": failure.path, "error": str(failure.error), "retry": failure.path in retry}
    for path in batch.unsent:
        yield {"path": path, "error": f"Not tried after: {batch.stopped_by}", "retry": True}
