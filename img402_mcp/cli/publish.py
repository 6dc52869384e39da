import argparse
import json
import os
import sys

import anyio

from img402_mcp.cli.serve import add_allow_dir
from img402_mcp.cli.upload import IN_THE_HISTORY, INTERRUPTED, chosen_folders
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.publish import report
from img402_mcp.client.publish.publish import PublishOptions, plan, publish
from img402_mcp.client.publish.report import Report
from img402_mcp.client.settings import client_settings
from img402_mcp.client.upload import open_uploader

SUMMARY = "Upload the local images of a Markdown or HTML document and print it with their URLs."


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("--out", default="", metavar="FILE", help="write the document there; nothing else is printed")
    parser.add_argument("--dry-run", action="store_true", help="show what would be uploaded; send and write nothing")
    parser.add_argument("--overwrite", action="store_true", help="FILE may exist, and may be PATH itself")
    parser.add_argument("--json", action="store_true", help="print what was done, and the document, as one JSON object")
    add_allow_dir(parser)


def run(flags: argparse.Namespace) -> int:
    """1 where an image failed, or the copy could not be written."""
    try:
        done = anyio.run(_done, flags)
    except KeyboardInterrupt:
        print(f"img402-mcp: Interrupted; no document was written. {IN_THE_HISTORY}", file=sys.stderr)
        return INTERRUPTED
    _show(done, as_json=flags.json)
    return 1 if done.fields["failures"] or (flags.out and not done.fields["out"]) else 0


async def _done(flags: argparse.Namespace) -> Report:
    settings = client_settings(os.environ, allow_dirs=flags.allow_dir)
    allow_list = AllowList.of(settings, chosen_folders([each for each in (flags.path, flags.out) if each]))
    wanted = PublishOptions(flags.path, flags.out, flags.overwrite)
    async with open_uploader(settings, allow_list) as uploader:
        if flags.dry_run:
            return report.planned(await plan(uploader, wanted))
        return report.published(await publish(uploader, wanted))


def _show(done: Report, *, as_json: bool) -> None:
    """The document alone goes to stdout, byte for byte, so that it can go on through a pipe."""
    if as_json:
        print(json.dumps(done.fields, ensure_ascii=False))
        return
    print("\n".join(report.lines(done)), file=sys.stderr)
    sys.stdout.buffer.write(done.fields.get("text", "").encode())
    sys.stdout.flush()
