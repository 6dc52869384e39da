import json
import os
import sys
from types import SimpleNamespace as Flags

import anyio

from img402_mcp.cli.upload import IN_THE_HISTORY, INTERRUPTED, chosen_folders
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.publish import report
from img402_mcp.client.publish.publish import PublishOptions, plan, publish
from img402_mcp.client.publish.report import Report
from img402_mcp.client.settings import client_settings
from img402_mcp.client.upload import open_uploader


def run(flags: Flags) -> int:
    """1 if an image failed, or the copy could not be written."""
    try:
        done = anyio.run(_done, flags)
    except KeyboardInterrupt:
        print(f"img402-mcp: Interrupted; no document was written. {IN_THE_HISTORY}", file=sys.stderr)
        return INTERRUPTED
    _show(done, as_json=flags.json)
    return 1 if done.fields["failures"] or (flags.out and not done.fields["out"]) else 0


async def _done(flags: Flags) -> Report:
    settings = client_settings(os.environ, allow_dirs=flags.allow_dirs)
    allow_list = AllowList.of(settings, chosen_folders([each for each in (flags.path, flags.out) if each]))
    wanted = PublishOptions(flags.path, flags.out, flags.overwrite, keep=not flags.no_keep)
    async with open_uploader(settings, allow_list) as uploader:
        if flags.dry_run:
            return report.planned(await plan(uploader, wanted))
        return report.published(await publish(uploader, wanted))


def _show(done: Report, *, as_json: bool) -> None:
    """Only the document goes to stdout, byte for byte, so that it can be piped."""
    if as_json:
        print(json.dumps(done.fields, ensure_ascii=False))
        return
    print("\n".join(report.lines(done)), file=sys.stderr)
    sys.stdout.buffer.write(done.fields.get("text", "").encode())
    sys.stdout.flush()
