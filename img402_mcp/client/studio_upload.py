"""The uploader of the studio: an image is checked and uploaded as an input for its workflows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from img402_mcp.client.apis.base import on_sent
from img402_mcp.client.apis.studio import Studio, StudioInput
from img402_mcp.client.files.image import Image
from img402_mcp.client.settings.studio import StudioSettings
from img402_mcp.client.upload import DEFAULT_OPTIONS, Progress, Uploader, UploadOptions
from img402_mcp.errors import SettingsError
from img402_mcp.wire.studio import MAX_BYTES, MEDIA_TYPES


@dataclass(frozen=True)
class Input:
    image: Image
    stored: StudioInput


@dataclass(frozen=True)
class StudioUploader:
    uploader: Uploader
    service: Studio

    async def upload(
        self, path: str, progress: Progress | None = None, options: UploadOptions = DEFAULT_OPTIONS
    ) -> Input:
        """Raises ReadRefused, UploadRejected, UploadFailed."""
        read = await self.uploader.read(path, fit=options.fit)
        image = await self.uploader.fitting_taken(read, MAX_BYTES, options, MEDIA_TYPES)
        self.service.demand_fits(image)
        return Input(image, await self.service.upload(image, self.uploader.send, on_sent(image, progress)))


@contextmanager
def open_studio_uploader(uploader: Uploader) -> Iterator[StudioUploader]:
    """Raises SettingsError."""
    studio = uploader.settings.of(StudioSettings)
    if studio is None:
        raise SettingsError("The studio is not configured: set IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN.")
    yield StudioUploader(uploader, Studio(studio.url, studio.token))
