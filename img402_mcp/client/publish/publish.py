"""Uploads a document's images, each once, and returns the document with their public URLs.

If an image fails, its references stay as they are, and the reason is reported with the URLs of the others. What cannot
work at all, such as writing to a name that exists, is refused before anything is sent. A failure after that hides no
URL.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync

from img402_mcp.client.batch import Batch, lives_of, upload_batch
from img402_mcp.client.files.documents import Document, place_for, read_document, write_document
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import sizes_of
from img402_mcp.client.publish import commonmark, html
from img402_mcp.client.publish.disk import Found, ImageFile, images_of
from img402_mcp.client.publish.references import Kind, Reference, References, local, rewritten
from img402_mcp.client.publish.urls import with_fragment
from img402_mcp.client.upload import Progress, Upload, Uploader, UploadOptions
from img402_mcp.errors import Img402Error, ReadRefused, quoted

Fields = dict[str, Any]
MAX_LEFT_ALONE = 100
"""In one answer; a few thousand tokens."""


@dataclass(frozen=True)
class Report:
    headline: str
    fields: Fields


def counted(images: int, verb: str, failures: int, left: int, *, names_others: bool) -> str:
    if images or failures or left:
        cut = f" (the first {MAX_LEFT_ALONE} are listed)" if left > MAX_LEFT_ALONE else ""
        return f"Local images: {images} {verb}, {failures} failed, {left:,} left alone{cut}."
    if names_others:
        return "No local image was found. The document has names that look like images, but no such file exists here."
    return "The document shows no local image."


def sent(image: ImageFile, upload: Upload) -> Fields:
    reused = ("already uploaded",) if upload.reused else ()
    notes = (*filter(None, (image.note,)), *reused, *upload.done, *upload.receipt.notes, *upload.notes)
    return {"image": image.target, "url": upload.receipt.url, "note": "; ".join(notes)}


def readable(image: ImageFile, size_bytes: int) -> Fields:
    noted = {"note": image.note} if image.note else {}
    return {"image": image.target, "size_bytes": size_bytes, **noted}


def lines(report: Report) -> Iterator[str]:
    fields = report.fields
    yield report.headline
    for sent in fields.get("uploads", ()):
        yield f"{quoted(sent['image'])} is {sent['url']}{_aside(sent['note'])}"
    for would in fields.get("would_upload", ()):
        yield f"{quoted(would['image'])} would be uploaded ({would['size_bytes']:,} bytes)" + _aside(
            would.get("note", "")
        )
    for failed in fields["failures"]:
        yield f"{quoted(failed['image'])} FAILED and stays as it was: {failed['reason']}"
    for left in fields["left_alone"]:
        yield f"{quoted(left['image'])} was left alone: {left['reason']}"
    if fields["note"]:
        yield fields["note"]
    if fields["out"]:
        yield f"The copy {'is' if 'uploads' in fields else 'would be'} {quoted(fields['out'])}."


def _aside(note: str) -> str:
    return f" ({note})" if note else ""


@dataclass(frozen=True)
class PublishOptions:
    """More than `longest` bytes are not returned, so `out` is needed. `by_tool`: a model chose `out`, not a person."""

    path: str
    out: str = ""
    overwrite: bool = False
    longest: int | None = None
    by_tool: bool = False
    keep: bool = True
    """Documents outlive the days that a large image may have."""


async def publish(uploader: Uploader, wanted: PublishOptions, progress: Progress | None = None) -> Report:
    """Raises ReadRefused, before anything is sent."""
    draft = await run_sync(_draft, wanted, uploader.roots)
    sizes = await run_sync(sizes_of, draft.images, uploader.roots)
    upload = partial(uploader.upload, options=UploadOptions(keep=wanted.keep))
    batch = await upload_batch(upload, draft.images, progress, sizes)
    text = rewritten(draft.document.text, _urls(draft, batch))
    note = await run_sync(_written, text, draft, uploader.roots, wanted.overwrite)
    failed = {each.path: str(each.error) for each in batch.failures}
    failed |= dict.fromkeys(batch.unsent, f"Not tried after: {batch.stopped_by}")
    uploads = [sent(draft.images[each.path], each.upload) for each in batch.uploads]
    fields = draft.fields("uploads", uploads, failed)
    fields |= {"note": " ".join(filter(None, (note, lives_of(batch))))}
    fields |= {"out": "", "text": ""} if note else {"text": "" if draft.place else text}
    return Report(draft.headline(len(uploads), "uploaded", len(failed)), fields)


def _urls(draft: "_Draft", batch: Batch) -> dict[Reference, str]:
    return {
        reference: with_fragment(url, reference.target) if drops_fragment else url
        for each in batch.uploads
        for url in (each.upload.receipt.url,)
        for reference, drops_fragment in draft.images[each.path].references.items()
    }


async def plan(uploader: Uploader, wanted: PublishOptions) -> Report:
    """Does the same without sending or writing anything. Raises ReadRefused."""
    draft = await run_sync(_draft, wanted, uploader.roots)
    images, refused = list[Fields](), dict[str, str]()
    for path, image in draft.images.items():
        try:
            images.append(readable(image, len((await uploader.read(path)).data)))
        except Img402Error as error:
            refused[path] = str(error)
    fields = draft.fields("would_upload", images, refused) | {"note": "A dry run: nothing was sent or written."}
    return Report(draft.headline(len(images), "to upload", len(refused)), fields)


@dataclass(frozen=True)
class _Draft:
    document: Document
    place: Path | None
    found: Found

    @property
    def images(self) -> Mapping[str, ImageFile]:
        return self.found.images

    def fields(self, name: str, images: list[Fields], failed: Mapping[str, str]) -> Fields:
        """`failed`: path -> reason."""
        left = self.found.left_alone[:MAX_LEFT_ALONE]
        return {
            name: images,
            "failures": [{"image": self.images[path].target, "reason": reason} for path, reason in failed.items()],
            "left_alone": [{"image": each.target, "reason": each.reason} for each in left],
            "out": str(self.place or ""),
        }

    def headline(self, images: int, verb: str, failures: int) -> str:
        left, names_others = len(self.found.left_alone), self.found.names_others
        return " ".join((*self.document.notes, counted(images, verb, failures, left, names_others=names_others)))


def _draft(wanted: PublishOptions, roots: Roots) -> _Draft:
    document = read_document(wanted.path, roots)
    place = None
    if wanted.out:
        place = place_for(wanted.out, document, roots, overwrite=wanted.overwrite, by_tool=wanted.by_tool)
    _demand_short(document, wanted)
    found = references(document.text, Kind.HTML if document.is_html else Kind.MARKDOWN)
    return _Draft(document, place, images_of(document, found, roots))


def _demand_short(document: Document, wanted: PublishOptions) -> None:
    size = len(document.text.encode())
    if not wanted.out and wanted.longest is not None and size > wanted.longest:
        raise ReadRefused(
            f"{quoted(wanted.path)} has {size:,} bytes, and at most {wanted.longest:,} are returned as text; name a "
            "file to write in `out`. Nothing was sent."
        )


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
