"""Uploads a small and then a large picture, and prints how many bytes the process grew by: `large_upload.py FOLDER`.

The settings come from the environment. It reads Linux's own count, since ru_maxrss starts with the parent's.
"""

import os
import sys
from pathlib import Path

import anyio

from img402_mcp.client.apis.io42 import SubmissionTarget
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.io42_submit import open_io42_submitter
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.settings.studio import StudioSettings
from img402_mcp.client.studio_upload import upload_to_studio
from img402_mcp.client.upload import Uploader, open_uploader


def largest_so_far() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def upload(uploader: Uploader, path: str) -> None:
    if uploader.settings.of(StudioSettings):
        await upload_to_studio(uploader, path)
        return
    with open_io42_submitter(uploader) as submitting:
        await submitting.submit(SubmissionTarget("logos", "sub_1"), path)


async def main(folder: str) -> None:
    made = client_settings(os.environ, allow_dirs=[folder], state_dir=f"{folder}/state")
    async with open_uploader(made, Roots.resolve([folder])) as uploader:
        await upload(uploader, f"{folder}/small.png")
        before = largest_so_far()
        await upload(uploader, f"{folder}/large.png")
    sys.stdout.write(f"{largest_so_far() - before}\n")


anyio.run(main, sys.argv[1])
