"""Which stores a host has."""

from pathlib import Path

from img402_mcp.errors import SettingsError
from img402_mcp.host.db.database import Database
from img402_mcp.host.storage.batched_store import BatchedStore
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.store import Store, ThreadedStore


def open_blobs(folder: Path, objects: str | None, max_age: int | None = None) -> Blobs:
    """In the folder, or in the object store of that URL; then the folder is for bodies that are still arriving.

    `max_age`: for so many seconds an edge in front of the object store may keep an image; None: there is no edge.
    """
    if objects is None:
        return Folder(folder)
    try:
        from img402_mcp.host.storage.blobs.objects import open_objects  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"IMG402_HOST_BLOBS names an object store, which needs {error.name}: pip install 'img402-mcp[s3]'."
        ) from error
    return open_objects(objects, folder, max_age=max_age)


def open_store(blobs: Blobs, database: Database) -> Store:
    if isinstance(blobs, Folder) and database.plain is not None:
        return BatchedStore(blobs, database.plain)
    return ThreadedStore(blobs, database)
