"""Uploads again what expires soon, for free, if the same file is still on the disk. The current allow-list decides
whether it may be read. Nothing is paid, even if the first upload was.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from time import time

from anyio.to_thread import run_sync

from img402_mcp.client.batch import Batch, upload_batch
from img402_mcp.client.files.documents import Document, place_for, read_document, write_document
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.history import HistoryEntry, expiring_before
from img402_mcp.client.reuse import FREE
from img402_mcp.client.upload import Progress, Upload, Uploader, UploadOptions
from img402_mcp.errors import ReadRefused, SettingsError


@dataclass(frozen=True)
class Renewal:
    """One file, prepared in one way, and all its URLs that expire."""

    path: str
    preparation: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class NotRenewed:
    path: str
    urls: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class RenewalPlan:
    renewals: tuple[Renewal, ...] = ()
    left: tuple[NotRenewed, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    """Expiring URL -> the URL of a later upload of the same file, which lives longer."""


async def plan_renewal(uploader: Uploader, days: int) -> RenewalPlan:
    """Nothing is sent. Raises SettingsError without a history."""
    history = uploader.history
    if history is None:
        raise SettingsError("Earlier uploads are not known: IMG402_HISTORY is off, or its folder cannot be used.")
    now = time()
    until = expiring_before(now, days) or now
    entries = await run_sync(lambda: history.find("", until, now=now, limit=-1))
    groups: dict[tuple[str, str], list[HistoryEntry]] = {}
    for entry in entries:
        if entry.api == uploader.settings.api_url:
            groups.setdefault((entry.path, entry.source), []).append(entry)
    renewals, left, known = list[Renewal](), list[NotRenewed](), dict[str, str]()
    for (path, source), group in groups.items():
        urls, newest = tuple(dict.fromkeys(entry.url for entry in group)), max(group, key=lambda entry: entry.at)
        later = await run_sync(history.reusable, newest.api, FREE, source, newest.preparation, until)
        if later:
            known |= dict.fromkeys(urls, later.url)
        elif reason := await _why_not(uploader, path, source):
            left.append(NotRenewed(path, urls, reason))
        else:
            renewals.append(Renewal(path, newest.preparation, urls))
    return RenewalPlan(tuple(renewals), tuple(left), known)


async def _why_not(uploader: Uploader, path: str, source: str) -> str:
    if not Path(path).is_absolute():
        return "it did not come from a file"
    try:
        image = await uploader.read(path, exact=True)
    except ReadRefused as error:
        return str(error)
    return "" if image.source == source else "the file has changed since"


async def renew(uploader: Uploader, renewals: tuple[Renewal, ...], progress: Progress | None = None) -> Batch:
    """Each file once. An API that takes no more today ends it, as in any batch."""
    prepared = {renewal.path: renewal.preparation.split() for renewal in renewals}

    async def upload(path: str, on_progress: Progress | None) -> Upload:
        steps = prepared[path]
        options = UploadOptions(fit="fit" in steps, fresh=True, keep=True if "keep" in steps else None)
        return await uploader.upload(path, on_progress, options)

    return await upload_batch(upload, prepared, progress)


def replacements(plan: RenewalPlan, batch: Batch) -> dict[str, str]:
    """Old URL -> new URL."""
    new = {each.path: each.upload.receipt.url for each in batch.uploads}
    renewed = {url: new[each.path] for each in plan.renewals if each.path in new for url in each.urls}
    return {**plan.known, **renewed}


def documents(paths: tuple[str, ...], roots: Roots) -> tuple[Document, ...]:
    """Each can be read and written now. Raises ReadRefused. It blocks."""
    found = tuple(read_document(path, roots) for path in paths)
    for document in found:
        place_for(str(document.path), document, roots, overwrite=True)
    return found


def rewrite(document: Document, urls: Mapping[str, str], roots: Roots) -> int:
    """How many URLs were replaced; the file is written completely or not at all. Raises ReadRefused. It blocks."""
    text, count = replaced(document.text, urls)
    if count:
        write_document(text, document.path, document, roots, overwrite=True)
    return count


def replaced(text: str, urls: Mapping[str, str]) -> tuple[str, int]:
    """Replaces exactly these URLs, also in HTML's spelling, but no URL that only begins like them or has a query."""
    spelled = {form: new for old, new in urls.items() for form in {old, escape(old)}}
    if not spelled:
        return text, 0
    longest_first = "|".join(re.escape(form) for form in sorted(spelled, key=len, reverse=True))
    pattern = re.compile(rf"(?<!\w)(?:{longest_first})(?![\w%~?=/@&+-]|[.,;:!]+\w)")
    return pattern.subn(lambda match: spelled[match[0]], text)
