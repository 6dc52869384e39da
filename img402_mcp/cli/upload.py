"""The uploader for a person: markdown on stdout, so that `| pbcopy` works, and all remarks on stderr."""

import argparse
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any

import anyio

from img402_mcp.cli.progress_bar import ProgressBar
from img402_mcp.cli.serve import add_allow_dir
from img402_mcp.cli.shell_words import retry_lines
from img402_mcp.client.batch import PARTS, Batch, Success, UploadOne, in_words, markdown, upload_matching
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.files.paths import absolute
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.result_text import remark, upload_fields
from img402_mcp.client.settings import Settings, client_settings
from img402_mcp.client.snippets import WIDEST
from img402_mcp.client.upload import Progress, Upload, UploadOptions, open_uploader
from img402_mcp.errors import SettingsError

SUMMARY = "Upload images and print their markdown, one a line. Ends with 1 where one failed."

MAX_FILES = 10_000
"""A shell has expanded its pattern, and a person looks on."""
INTERRUPTED = 130
IN_THE_HISTORY = "What was on its way may have arrived: `img402-mcp history` tells."


def add_flags(parser: argparse.ArgumentParser) -> None:
    help_text = "an image, or a quoted pattern such as 'shots/**/*.png'"
    parser.add_argument("paths", nargs="+", metavar="PATH", help=help_text)
    parser.add_argument("--paid", action="store_true", help="pay from the wallet, once for each file")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print ![name](URL), one a line; so it is without a flag")
    form.add_argument("--url", action="store_true", help="print the bare URLs, one a line")
    form.add_argument("--json", action="store_true", help="print one JSON array, with what failed in it too")
    form.add_argument("--pairs", action="store_true", help="print a table of two columns, before and after")
    parser.add_argument("--width", type=_width, default=0, metavar="N", help="print <img> of that width in CSS pixels")
    parser.add_argument("--no-fit", action="store_true", help="send each file as it is, whatever the API's limit")
    parser.add_argument("--fresh", action="store_true", help="upload again what was uploaded before; for free only")
    add_allow_dir(parser)


def run(flags: argparse.Namespace) -> int:
    if flags.fresh and flags.paid:
        raise SettingsError("--fresh does not go with --paid: what a file's bytes were paid for is never paid again.")
    settings = client_settings(os.environ, allow_dirs=flags.allow_dir)
    roots = AllowList.of(settings, chosen_folders(flags.paths)).roots()
    finished: list[Success] = []
    try:
        batch = anyio.run(_done, settings, roots, flags, finished)
    except KeyboardInterrupt:
        return _interrupted(finished, flags)
    _show(batch, flags)
    return _exit_code(batch)


def _exit_code(batch: Batch) -> int:
    if any(isinstance(failure.error, SettingsError) for failure in batch.failures):
        return 2
    return 1 if batch.failures or batch.unsent else 0


def chosen_folders(paths: Sequence[str]) -> list[Path]:
    """Where the named files lie: who names a file here has chosen it, and nothing but what is named is opened.

    They are added to the default folders alone. Folders that someone has set are the limit for a command, too.
    """
    return [folder for path in paths if (folder := _folder(path)) and folder.is_dir()]


def _folder(path: str) -> Path | None:
    try:
        folder = Path(absolute(path, Roots(()))).parent
    except (FileRefused, RuntimeError):  # the uploader says what is wrong with it
        return None
    while has_magic(str(folder)) and not folder.is_dir():
        folder = folder.parent
    return folder


async def _done(settings: Settings, roots: Roots, flags: argparse.Namespace, finished: list[Success]) -> Batch:
    with closing(ProgressBar(sys.stderr, PARTS)) as bar:
        async with _uploading(settings, roots, flags) as upload:
            recording = partial(_record, upload, finished)
            return await upload_matching(recording, flags.paths, roots, bar.show, most=MAX_FILES)


@asynccontextmanager
async def _uploading(settings: Settings, roots: Roots, flags: argparse.Namespace) -> AsyncIterator[UploadOne]:
    options = UploadOptions(fit=not flags.no_fit, fresh=flags.fresh, width=flags.width)
    async with open_uploader(settings, roots) as uploader:
        if not flags.paid:
            yield partial(uploader.upload, options=options)
            return
        from img402_mcp.client.paid_upload import open_paid_uploader  # noqa: PLC0415  # a free upload needs none of it

        with open_paid_uploader(uploader) as paid:
            yield partial(paid.upload, options=options)


async def _record(upload: UploadOne, finished: list[Success], path: str, progress: Progress | None) -> Upload:
    """A known URL is never lost, not even when the others are interrupted."""
    done = await upload(path, progress)
    finished.append(Success(path, done))
    return done


def _interrupted(finished: Sequence[Success], flags: argparse.Namespace) -> int:
    _show(Batch(tuple(each.path for each in finished), tuple(finished)), flags)
    print(f"img402-mcp: Interrupted; {len(finished)} uploaded until then. {IN_THE_HISTORY}", file=sys.stderr)
    return INTERRUPTED


def _width(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 0 < int(text) <= WIDEST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a width in CSS pixels; give 1 to {WIDEST}")
    return int(text)


# What is said


def _show(batch: Batch, flags: argparse.Namespace) -> None:
    if text := _printed(batch, flags):
        print(text, flush=True)
    for line in filter(None, map(remark, batch.uploads)):
        print(line, file=sys.stderr)
    for failure in batch.failures:
        print(f"img402-mcp: {in_words(failure)}", file=sys.stderr)
    if batch.unsent:
        print(f"img402-mcp: Stopped early: {batch.stopped_by} {len(batch.unsent)} not tried.", file=sys.stderr)
    if batch.retry and len(batch.paths) > 1:
        print("\n".join(retry_lines(batch.retry)), file=sys.stderr)


def _printed(batch: Batch, flags: argparse.Namespace) -> str:
    if flags.json:
        return json.dumps([*_entries(batch)], indent=2)
    if flags.url:
        return "\n".join(each.upload.receipt.url for each in batch.uploads)
    return markdown(batch, pairs=flags.pairs)


def _entries(batch: Batch) -> Iterator[dict[str, Any]]:
    """What the tools answer, for each file; `retry`: it may go through later as it is."""
    retry = {*batch.retry}
    for each in batch.uploads:
        yield {"path": each.path} | upload_fields(each.upload)
    for failure in batch.failures:
        yield {"path": failure.path, "error": str(failure.error), "retry": failure.path in retry}
    for path in batch.unsent:
        yield {"path": path, "error": f"Not tried after: {batch.stopped_by}", "retry": True}
