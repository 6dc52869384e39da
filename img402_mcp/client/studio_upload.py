"""The uploader of the studio: an image is checked and uploaded as an input for its workflows."""

from img402_mcp.client.apis.base import on_sent
from img402_mcp.client.apis.studio import Studio, StudioInput
from img402_mcp.client.files.image import Image
from img402_mcp.client.settings.studio import StudioSettings
from img402_mcp.client.upload import DEFAULT_OPTIONS, Progress, Uploader, UploadOptions
from img402_mcp.errors import SettingsError
from img402_mcp.wire.studio import MAX_BYTES, MEDIA_TYPES


async def upload_to_studio(
    uploader: Uploader, path: str, progress: Progress | None = None, options: UploadOptions = DEFAULT_OPTIONS
) -> tuple[Image, StudioInput]:
    """The image that was sent, and its handle. Raises SettingsError, ReadRefused, UploadRejected, UploadFailed."""
    studio = uploader.settings.of(StudioSettings)
    if studio is None:
        raise SettingsError("The studio is not configured: set IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN.")
    read = await uploader.read(path, fit=options.fit)
    image = await uploader.fitting_taken(read, MAX_BYTES, options, MEDIA_TYPES)
    service = Studio(studio.url, studio.token)
    return image, await service.upload(image, uploader.send, on_sent(image, progress))
