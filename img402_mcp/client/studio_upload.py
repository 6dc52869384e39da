"""The corridor of the studio: an image is checked and uploaded as an input for its workflows."""

from dataclasses import dataclass

from img402_mcp.client.apis.studio import Stored, Studio
from img402_mcp.client.files.safe_open import Image
from img402_mcp.client.upload import AS_USUAL, Corridor, Progress, Wish, reported
from img402_mcp.errors import SettingsError
from img402_mcp.wire.studio import MEDIA_TYPES, MOST_BYTES


@dataclass(frozen=True)
class Input:
    image: Image
    stored: Stored


@dataclass(frozen=True)
class InputCorridor:
    corridor: Corridor
    service: Studio

    async def upload(self, path: str, progress: Progress | None = None, wish: Wish = AS_USUAL) -> Input:
        """Raises ReadRefused, UploadRejected, UploadFailed."""
        read = await self.corridor.read(path)
        image = await self.corridor.fitting_taken(read, MOST_BYTES, wish, MEDIA_TYPES)
        self.service.demand_fits(image)
        return Input(image, await self.service.upload(image, reported(self.corridor.send, image, progress)))


def input_corridor(corridor: Corridor) -> InputCorridor:
    """Raises SettingsError."""
    studio = corridor.settings.studio
    if studio is None:
        raise SettingsError("The studio is not configured: set IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN.")
    return InputCorridor(corridor, Studio(studio.url, studio.token))
