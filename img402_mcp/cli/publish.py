import json
import os
import sys
from types import SimpleNamespace as Flags

import anyio

from img402_mcp.cli.upload import chosen_folders, interrupted
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.publish.publish import PublishOptions, Report, lines, plan, publish
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.upload import open_uploader


def run(flags: Flags) -> int:
    """1 if an image failed, or the copy could not be written."""
    try:
        done = anyio.run(_done, flags)
    except KeyboardInterrupt:
        return interrupted("no document was written")
    _show(done, as_json=flags.json)
    return 1 if done.fields["failures"] or (flags.out and not done.fields["out"]) else 0


async def _done(flags: Flags) -> Report:
    settings = client_settings(os.environ, allow_dirs=flags.allow_dirs)
    allow_list = AllowList.of(settings, chosen_folders([each for each in (flags.path, flags.out) if each]))
    wanted = PublishOptions(flags.path, flags.out, flags.overwrite, keep=not flags.no_keep)
    async with open_uploader(settings, allow_list) as uploader:
        return await (plan if flags.dry_run else publish)(uploader, wanted)


def _show(done: Report, *, as_json: bool) -> None:
    """Only the document goes to stdout, byte for byte, so that it can be piped."""
    if as_json:
        print(json.dumps(done.fields, ensure_ascii=False))
        return
    print("\n".join(lines(done)), file=sys.stderr)
    sys.stdout.buffer.write(done.fields.get("text", "").encode())
    sys.stdout.flush()
