"""Uploads a small and then a large picture, and prints by how many bytes the process grew: `large_upload.py FOLDER`.

The settings are the environment's. By Linux's own count: ru_maxrss begins with that of the parent.
"""

import os
import sys
from pathlib import Path

import anyio

from img402_mcp.client.apis.io42 import Submission
from img402_mcp.client.files.safe_open import Roots
from img402_mcp.client.io42_submit import open_submitting
from img402_mcp.client.settings import settings
from img402_mcp.client.studio_upload import input_corridor
from img402_mcp.client.upload import Corridor, open_corridor


def largest_so_far() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def upload(corridor: Corridor, path: str) -> None:
    if corridor.settings.studio:
        await input_corridor(corridor).upload(path)
        return
    with open_submitting(corridor) as submitting:
        await submitting.submit(Submission("logos", "sub_1"), path)


async def main(folder: str) -> None:
    made = settings(os.environ, allow_dirs=[folder], state_dir=f"{folder}/state")
    async with open_corridor(made, Roots.resolve([folder])) as corridor:
        await upload(corridor, f"{folder}/small.png")
        before = largest_so_far()
        await upload(corridor, f"{folder}/large.png")
    sys.stdout.write(f"{largest_so_far() - before}\n")


anyio.run(main, sys.argv[1])
