"""From a document to the same document with public URLs: its images are uploaded, each once, and it is rewritten.

An image that fails leaves its references as they were and is told with its reason; it hides none of the others. What
cannot be done at all, such as writing where something exists, is refused before anything is sent. What fails afterwards
hides no URL: these are told with it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyio.to_thread import run_sync

from img402_mcp.client.batch import Batch, upload_batch
from img402_mcp.client.files.documents import Document, place_for, read_document, write_document
from img402_mcp.client.files.paths import plain_path
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import sizes_of
from img402_mcp.client.publish import commonmark, html
from img402_mcp.client.publish.references import (
    Kind,
    LeftAlone,
    Reference,
    References,
    is_local,
    path_in,
    rewritten,
    with_fragment,
)
from img402_mcp.client.upload import Progress, Upload, Uploader
from img402_mcp.errors import Img402Error, ReadRefused, quoted

MAX_IMAGES = 200  # of one document; a free API takes some hundred uploads a day


@dataclass(frozen=True)
class PublishOptions:
    """What to publish. `longest`, in bytes: a longer text is not handed back, so it needs `out`.

    `by_tool`: a model chose `out`, not a person.
    """

    path: str
    out: str = ""
    overwrite: bool = False
    longest: int | None = None
    by_tool: bool = False


@dataclass(frozen=True)
class PublishedImage:
    target: str
    """As the document names it, for the first time."""
    upload: Upload


@dataclass(frozen=True)
class Failed:
    target: str
    reason: str


@dataclass(frozen=True)
class Published:
    text: str
    uploads: tuple[PublishedImage, ...]
    failures: tuple[Failed, ...]
    left_alone: tuple[LeftAlone, ...]
    out: Path | None
    """The copy; None: none was asked for, or writing it failed, which `note` then tells."""
    note: str = ""


@dataclass(frozen=True)
class Readable:
    target: str
    size_bytes: int


@dataclass(frozen=True)
class Planned:
    """What publishing would upload."""

    images: tuple[Readable, ...]
    failures: tuple[Failed, ...]
    left_alone: tuple[LeftAlone, ...]
    out: Path | None


async def publish(uploader: Uploader, wanted: PublishOptions, progress: Progress | None = None) -> Published:
    """Raises ReadRefused, before anything is sent."""
    draft = await run_sync(_draft, wanted, uploader.roots)
    sizes = await run_sync(sizes_of, draft.images, uploader.roots)
    batch = await upload_batch(uploader.upload, draft.images, progress, sizes)
    urls = {
        reference: with_fragment(each.upload.receipt.url, reference.target)
        for each in batch.uploads
        for reference in draft.images[each.path]
    }
    text = rewritten(draft.document.text, urls)
    note = await run_sync(_written, text, draft, uploader.roots, wanted.overwrite)
    uploads = tuple(PublishedImage(draft.target(each.path), each.upload) for each in batch.uploads)
    return Published(text, uploads, _failures(draft, batch), draft.left_alone, None if note else draft.place, note)


async def plan(uploader: Uploader, wanted: PublishOptions) -> Planned:
    """The same without sending or writing. Raises ReadRefused."""
    draft = await run_sync(_draft, wanted, uploader.roots)

    sizes, refused = dict[str, int](), dict[str, str]()
    for path in draft.images:
        try:
            sizes[path] = len((await uploader.read(path)).data)
        except Img402Error as error:
            refused[path] = str(error)
    images = tuple(Readable(draft.target(path), size_bytes) for path, size_bytes in sizes.items())
    return Planned(images, draft.failed(refused), draft.left_alone, draft.place)


# Before anything is sent


@dataclass(frozen=True)
class _Draft:
    document: Document
    place: Path | None
    images: Mapping[str, Sequence[Reference]]
    """The path of each image -> where it is named."""
    left_alone: tuple[LeftAlone, ...]

    def target(self, path: str) -> str:
        return self.images[path][0].target

    def failed(self, reasons: Mapping[str, str]) -> tuple[Failed, ...]:
        return tuple(Failed(self.target(path), reason) for path, reason in reasons.items())


def _draft(wanted: PublishOptions, roots: Roots) -> _Draft:
    document = read_document(wanted.path, roots)
    place = _place(wanted, document, roots) if wanted.out else None
    _demand_short(document, wanted)
    found = references(document.text, Kind.HTML if document.is_html else Kind.MARKDOWN)
    return _Draft(document, place, _images(document, found), found.left_alone)


def _place(wanted: PublishOptions, document: Document, roots: Roots) -> Path:
    return place_for(wanted.out, document, roots, overwrite=wanted.overwrite, by_tool=wanted.by_tool)


def _demand_short(document: Document, wanted: PublishOptions) -> None:
    size = len(document.text.encode())
    if not wanted.out and wanted.longest is not None and size > wanted.longest:
        raise ReadRefused(
            f"{quoted(wanted.path)} has {size:,} bytes, and at most {wanted.longest:,} are handed back as text; name a "
            "file to write by `out`. Nothing was sent."
        )


def _images(document: Document, found: References) -> Mapping[str, Sequence[Reference]]:
    images: dict[str, list[Reference]] = {}
    for reference in found.references:
        images.setdefault(_path(document.path.parent, reference.target), []).append(reference)
    if len(images) > MAX_IMAGES:
        raise ReadRefused(
            f"{quoted(str(document.path))} shows {len(images):,} different local images, and at most {MAX_IMAGES} are "
            "published at once; split it. Nothing was sent."
        )
    return images


def _path(folder: Path, target: str) -> str:
    """One text for one place, so that an image is sent once. What is no path goes on as it is, to be refused."""
    path = path_in(target)
    try:
        named = plain_path(path) if path.lower().startswith("file://") else Path(path)
    except FileRefused:
        return path
    return os.path.normpath(folder / named)


# Afterwards


def _failures(draft: _Draft, batch: Batch) -> tuple[Failed, ...]:
    failed = {each.path: str(each.error) for each in batch.failures}
    return draft.failed(failed | dict.fromkeys(batch.unsent, f"Not tried after: {batch.stopped_by}"))


def _written(text: str, draft: _Draft, roots: Roots, overwrite: bool) -> str:  # noqa: FBT001  # run_sync passes by place
    """Empty, or what went wrong, with the images sent and their URLs known."""
    try:
        if draft.place:
            write_document(text, draft.place, draft.document, roots, overwrite=overwrite)
    except ReadRefused as error:
        return f"No copy was written. {error}"
    return ""


FOUND_BY = {Kind.MARKDOWN: commonmark.found, Kind.HTML: html.found}
"""Every image, remote ones too."""


def references(text: str, kind: Kind) -> References:
    """The local images that a document shows, in the document's order, and where it names them."""
    found = FOUND_BY[kind](text)
    local = sorted((each for each in found.references if is_local(each.target)), key=lambda each: each.start)
    left = dict.fromkeys(each for each in found.left_alone if is_local(each.target))
    return References(tuple(local), tuple(left))
