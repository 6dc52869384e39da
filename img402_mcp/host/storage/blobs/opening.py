"""Which store it is."""

from pathlib import Path

from img402_mcp.errors import SettingsError
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.blobs.folder import Folder


def open_blobs(folder: Path, objects: str | None) -> Blobs:
    """In the folder, or in the object store of that URL; then the folder is for bodies that are still arriving."""
    if objects is None:
        return Folder(folder)
    try:
        from img402_mcp.host.storage.blobs.objects import open_objects  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"IMG402_HOST_BLOBS names an object store, which needs {error.name}: pip install 'img402-mcp[s3]'."
        ) from error
    return open_objects(objects, folder)
