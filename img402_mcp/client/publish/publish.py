"""Uploads a document's images, each once, and returns the document with their public URLs.

If an image fails, its references stay as they are, and the reason is reported with the URLs of the others. What cannot
work at all, such as writing to a name that exists, is refused before anything is sent. A failure after that hides no
URL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anyio.to_thread import run_sync

from img402_mcp.client.batch import Batch, lives_of, upload_batch
from img402_mcp.client.files.documents import Document, place_for, read_document, write_document
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import sizes_of
from img402_mcp.client.publish import commonmark, html
from img402_mcp.client.publish.disk import Found, ImageFile, images_of
from img402_mcp.client.publish.local import local
from img402_mcp.client.publish.references import Kind, LeftAlone, Reference, References, rewritten
from img402_mcp.client.publish.urls import with_fragment
from img402_mcp.client.upload import Progress, Upload, Uploader, UploadOptions
from img402_mcp.errors import Img402Error, ReadRefused, quoted


@dataclass(frozen=True)
class PublishOptions:
    """What to publish. A text of more than `longest` bytes is not returned, so it needs `out`.

    `by_tool` says that a model chose `out`, not a person.
    """

    path: str
    out: str = ""
    overwrite: bool = False
    longest: int | None = None
    by_tool: bool = False
    keep: bool = True
    """Documents outlive the days that a large image may have."""


@dataclass(frozen=True)
class PublishedImage:
    target: str
    """Its first name in the document."""
    upload: Upload
    note: str = ""
    """Why this file was chosen, if the target can be read in another way."""


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
    """The copy; None if none was asked for, or if writing it failed, as `note` then says."""
    note: str = ""
    names_others: bool = False
    """Whether the document has other names that look like local images."""
    path_notes: tuple[str, ...] = ()
    """How the path of the document was read, if no file has exactly that name."""
    lives: str = ""
    """When its images expire, and what would make them last."""


@dataclass(frozen=True)
class Readable:
    target: str
    size_bytes: int
    note: str = ""
    """Why this file would be chosen, as in PublishedImage."""


@dataclass(frozen=True)
class Planned:
    """What publishing would upload."""

    images: tuple[Readable, ...]
    failures: tuple[Failed, ...]
    left_alone: tuple[LeftAlone, ...]
    out: Path | None
    names_others: bool = False
    path_notes: tuple[str, ...] = ()


async def publish(uploader: Uploader, wanted: PublishOptions, progress: Progress | None = None) -> Published:
    """Raises ReadRefused, before anything is sent."""
    draft = await run_sync(_draft, wanted, uploader.roots)
    sizes = await run_sync(sizes_of, draft.images, uploader.roots)
    upload = partial(uploader.upload, options=UploadOptions(keep=wanted.keep))
    batch = await upload_batch(upload, draft.images, progress, sizes)
    text = rewritten(draft.document.text, _urls(draft, batch))
    note = await run_sync(_written, text, draft, uploader.roots, wanted.overwrite)
    uploads = tuple(
        PublishedImage(draft.target(each.path), each.upload, draft.images[each.path].note) for each in batch.uploads
    )
    out = None if note else draft.place
    failures, found, path_notes = _failures(draft, batch), draft.found, draft.document.notes
    return Published(
        text, uploads, failures, found.left_alone, out, note, found.names_others, path_notes, lives_of(batch)
    )


def _urls(draft: "_Draft", batch: Batch) -> dict[Reference, str]:
    return {
        reference: with_fragment(url, reference.target) if drops_fragment else url
        for each in batch.uploads
        for url in (each.upload.receipt.url,)
        for reference, drops_fragment in draft.images[each.path].references.items()
    }


async def plan(uploader: Uploader, wanted: PublishOptions) -> Planned:
    """Does the same without sending or writing anything. Raises ReadRefused."""
    draft = await run_sync(_draft, wanted, uploader.roots)

    sizes, refused = dict[str, int](), dict[str, str]()
    for path in draft.images:
        try:
            sizes[path] = len((await uploader.read(path)).data)
        except Img402Error as error:
            refused[path] = str(error)
    images = tuple(Readable(draft.target(path), size, draft.images[path].note) for path, size in sizes.items())
    found, failures, path_notes = draft.found, draft.failed(refused), draft.document.notes
    return Planned(images, failures, found.left_alone, draft.place, found.names_others, path_notes)


# Before anything is sent


@dataclass(frozen=True)
class _Draft:
    document: Document
    place: Path | None
    found: Found

    @property
    def images(self) -> Mapping[str, ImageFile]:
        return self.found.images

    def target(self, path: str) -> str:
        return self.images[path].target

    def failed(self, reasons: Mapping[str, str]) -> tuple[Failed, ...]:
        return tuple(Failed(self.target(path), reason) for path, reason in reasons.items())


def _draft(wanted: PublishOptions, roots: Roots) -> _Draft:
    document = read_document(wanted.path, roots)
    place = _place(wanted, document, roots) if wanted.out else None
    _demand_short(document, wanted)
    found = references(document.text, Kind.HTML if document.is_html else Kind.MARKDOWN)
    return _Draft(document, place, images_of(document, found, roots))


def _place(wanted: PublishOptions, document: Document, roots: Roots) -> Path:
    return place_for(wanted.out, document, roots, overwrite=wanted.overwrite, by_tool=wanted.by_tool)


def _demand_short(document: Document, wanted: PublishOptions) -> None:
    size = len(document.text.encode())
    if not wanted.out and wanted.longest is not None and size > wanted.longest:
        raise ReadRefused(
            f"{quoted(wanted.path)} has {size:,} bytes, and at most {wanted.longest:,} are returned as text; name a "
            "file to write in `out`. Nothing was sent."
        )


# Afterwards


def _failures(draft: _Draft, batch: Batch) -> tuple[Failed, ...]:
    failed = {each.path: str(each.error) for each in batch.failures}
    return draft.failed(failed | dict.fromkeys(batch.unsent, f"Not tried after: {batch.stopped_by}"))


def _written(text: str, draft: _Draft, roots: Roots, overwrite: bool) -> str:  # noqa: FBT001  # run_sync passes by place
    """What went wrong, if anything: the images are sent by now, and their URLs are known."""
    try:
        if draft.place:
            write_document(text, draft.place, draft.document, roots, overwrite=overwrite)
    except ReadRefused as error:
        return f"No copy was written. {error}"
    return ""


FOUND_BY = {Kind.MARKDOWN: commonmark.found, Kind.HTML: html.found}
"""All images, including remote ones."""


def references(text: str, kind: Kind) -> References:
    """The local images that a document shows, in its order, and where it names them."""
    return local(FOUND_BY[kind](text))
