"""What became of a document's images, as fields and as lines: the same for a model, a person and a script."""

from collections.abc import Iterable, Iterator
from typing import Any

from img402_mcp.client.publish.publish import Failed, Planned, Published, PublishedImage
from img402_mcp.client.publish.references import LeftAlone
from img402_mcp.errors import quoted

Fields = dict[str, Any]


def published(done: Published) -> Fields:
    return {
        "uploads": [_sent(each) for each in done.uploads],
        "failures": _reasons(done.failures),
        "left_alone": _reasons(done.left_alone),
        "out": str(done.out or ""),
        "note": done.note,
        "text": "" if done.out or done.note else done.text,
    }


def planned(plan: Planned) -> Fields:
    return {
        "would_upload": [{"image": each.target, "size_bytes": each.size_bytes} for each in plan.images],
        "failures": _reasons(plan.failures),
        "left_alone": _reasons(plan.left_alone),
        "out": str(plan.out or ""),
        "note": "A dry run: nothing was sent or written.",
    }


def _sent(sent: PublishedImage) -> Fields:
    upload = sent.upload
    reused = ("uploaded before",) if upload.reused else ()
    notes = (*reused, *upload.done, *upload.receipt.notes, *upload.notes)
    return {"image": sent.target, "url": upload.receipt.url, "note": "; ".join(notes)}


def _reasons(what: Iterable[Failed | LeftAlone]) -> list[Fields]:
    return [{"image": each.target, "reason": each.reason} for each in what]


def lines(fields: Fields) -> Iterator[str]:
    yield _counted(fields)
    for sent in fields.get("uploads", ()):
        yield f"{quoted(sent['image'])} is {sent['url']}{_aside(sent['note'])}"
    for would in fields.get("would_upload", ()):
        yield f"{quoted(would['image'])} would be uploaded ({would['size_bytes']:,} bytes)"
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


def _counted(fields: Fields) -> str:
    uploads = len(fields["uploads"] if "uploads" in fields else fields["would_upload"])
    failures, left = len(fields["failures"]), len(fields["left_alone"])
    if not (uploads or failures or left):
        return "The document shows no local image."
    verb = "uploaded" if "uploads" in fields else "to upload"
    return f"Local images: {uploads} {verb}, {failures} failed, {left} left alone."
