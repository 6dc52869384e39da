"""The result of publishing a document, as fields and as lines: the same for a model, a person and a script."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from img402_mcp.client.publish.publish import Failed, Planned, Published, PublishedImage, Readable
from img402_mcp.client.publish.references import LeftAlone
from img402_mcp.errors import quoted

Fields = dict[str, Any]
MAX_LEFT_ALONE = 100
"""In one answer; a few thousand tokens."""


@dataclass(frozen=True)
class Report:
    headline: str
    fields: Fields


def published(done: Published) -> Report:
    fields = {
        "uploads": [_sent(each) for each in done.uploads],
        "failures": _reasons(done.failures),
        "left_alone": _reasons(done.left_alone[:MAX_LEFT_ALONE]),
        "out": str(done.out or ""),
        "note": " ".join(filter(None, (done.note, done.lives))),
        "text": "" if done.out or done.note else done.text,
    }
    return Report(_headline(done, len(done.uploads), "uploaded"), fields)


def planned(plan: Planned) -> Report:
    fields = {
        "would_upload": [_readable(each) for each in plan.images],
        "failures": _reasons(plan.failures),
        "left_alone": _reasons(plan.left_alone[:MAX_LEFT_ALONE]),
        "out": str(plan.out or ""),
        "note": "A dry run: nothing was sent or written.",
    }
    return Report(_headline(plan, len(plan.images), "to upload"), fields)


def _headline(outcome: Published | Planned, images: int, verb: str) -> str:
    return " ".join((*outcome.path_notes, _counted(outcome, images, verb)))


def _counted(outcome: Published | Planned, images: int, verb: str) -> str:
    if images or outcome.failures or outcome.left_alone:
        failures, left = len(outcome.failures), len(outcome.left_alone)
        cut = f" (the first {MAX_LEFT_ALONE} are listed)" if left > MAX_LEFT_ALONE else ""
        return f"Local images: {images} {verb}, {failures} failed, {left:,} left alone{cut}."
    if outcome.names_others:
        return "No local image was found. The document has names that look like images, but no such file exists here."
    return "The document shows no local image."


def _sent(sent: PublishedImage) -> Fields:
    upload = sent.upload
    reused = ("already uploaded",) if upload.reused else ()
    notes = (*filter(None, (sent.note,)), *reused, *upload.done, *upload.receipt.notes, *upload.notes)
    return {"image": sent.target, "url": upload.receipt.url, "note": "; ".join(notes)}


def _readable(image: Readable) -> Fields:
    noted = {"note": image.note} if image.note else {}
    return {"image": image.target, "size_bytes": image.size_bytes, **noted}


def _reasons(what: Iterable[Failed | LeftAlone]) -> list[Fields]:
    return [{"image": each.target, "reason": each.reason} for each in what]


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
    yield from filter(None, (fields["note"], _where(fields)))


def _aside(note: str) -> str:
    return f" ({note})" if note else ""


def _where(fields: Fields) -> str:
    if not fields["out"]:
        return ""
    return f"The copy {'is' if 'uploads' in fields else 'would be'} {quoted(fields['out'])}."
