"""Sweeps a host's data again and again, two days ahead of its time, until it is told to stop: `sweeper.py DATA`."""

import sys
from datetime import UTC, datetime, timedelta
from select import select

from img402_mcp.host.cleanup import remove_expired_images, remove_orphans
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import host_settings
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import Images


def main(data: str) -> None:
    settings = host_settings({}, data=data, default_public_url="http://127.0.0.1")
    database, blobs, last = Database(settings.database), Folder(settings.blobs), False
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not last:
        last = bool(select([sys.stdin], [], [], 0)[0])  # once more behind the last upload
        remove_expired_images(Images(database), blobs, datetime.now(UTC) + timedelta(days=2))
        remove_orphans(Images(database), blobs, datetime.now(UTC))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
