"""Uploads again what expires soon, for free: a dry run, unless a person says yes."""

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from types import SimpleNamespace as Flags

import anyio
from anyio.to_thread import run_sync

from img402_mcp.cli.progress_bar import ProgressBar
from img402_mcp.cli.upload import chosen_folders, interrupted, show_failures
from img402_mcp.client.batch import lives_of
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.files.documents import Document
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.renew import RenewalPlan, documents, plan_renewal, renew, replaced, replacements, rewrite
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import Img402Error, quoted


def run(flags: Flags) -> int:
    """1 if something that expires was not renewed, or a document was not written."""
    try:
        return anyio.run(_done, flags)
    except KeyboardInterrupt:
        return interrupted("no document was written")


async def _done(flags: Flags) -> int:
    """The named documents may be written. The images are read only if the allow-list permits it."""
    settings = client_settings(os.environ, allow_dirs=flags.allow_dirs)
    roots = AllowList.of(settings, chosen_folders(flags.documents)).roots()
    named = await run_sync(documents, tuple(flags.documents), roots)
    async with open_uploader(settings, AllowList.of(settings)) as uploader:
        plan = await plan_renewal(uploader, flags.expiring)
        for left in plan.left:
            print(f"img402-mcp: {quoted(left.path)} is not renewed: {left.reason}", file=sys.stderr)
        if not flags.yes:
            return _show(plan, named, flags.expiring)
        with closing(ProgressBar(sys.stderr)) as bar:
            batch = await renew(uploader, plan.renewals, bar.show)
    show_failures(batch)
    if lives := lives_of(batch):
        print(lives, file=sys.stderr)
    urls = replacements(plan, batch)
    for old, new in urls.items():
        print(f"{old} -> {new}", flush=True)
    written = [await run_sync(_written, document, urls, roots) for document in named]
    return 0 if all(written) and not (plan.left or batch.failures or batch.unsent) else 1


def _show(plan: RenewalPlan, named: tuple[Document, ...], days: int) -> int:
    for renewal in plan.renewals:
        print(f"{quoted(renewal.path)} would be uploaded again, in place of {', '.join(renewal.urls)}")
    for old, new in plan.known.items():
        print(f"{old} was renewed before: {new}")
    expiring = {url: "" for renewal in plan.renewals for url in renewal.urls} | {**plan.known}
    for document in named:
        print(f"{quoted(str(document.path))}: {_urls(replaced(document.text, expiring)[1])} would be replaced")
    if not (plan.renewals or plan.known or plan.left):
        print(f"Nothing that is known here expires within {days} days.", file=sys.stderr)
    elif plan.renewals:
        print("This was a dry run: nothing was sent or written. Add --yes to do it.", file=sys.stderr)
    return 1 if plan.left else 0


def _written(document: Document, urls: Mapping[str, str], roots: Roots) -> bool:
    try:
        count = rewrite(document, urls, roots)
    except Img402Error as error:
        print(f"img402-mcp: {error}", file=sys.stderr)
        return False
    print(f"{quoted(str(document.path))}: {_urls(count)} replaced", file=sys.stderr)
    return True


def _urls(count: int) -> str:
    return f"{count} URL{'' if count == 1 else 's'}"
