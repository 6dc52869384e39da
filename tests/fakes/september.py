"""An img402 API on the terms that the hosted one has had since September 2026."""

from datetime import datetime

from img402_mcp.client.http import Response
from tests.fakes.api import Api
from tests.fakes.serving import reply

EXPIRY = "2026-12-28T10:00:00.000Z"
MEGABYTE = 1_000_000
STATED = {
    "formats": ["image/png", "image/jpeg", "image/gif", "image/webp"],
    "free": {
        "maxBytes": 10 * MEGABYTE,
        "days": 30,
        "tiers": [{"maxBytes": MEGABYTE, "days": None}, {"maxBytes": 10 * MEGABYTE, "days": 30}],
    },
    "paid": {
        "maxBytes": 10 * MEGABYTE, "days": None, "price": "0.01", "network": "base-sepolia", "tokenMinutes": 10,
    },
}  # fmt: skip


class September(Api):
    """Up to 1 MB free and for good, up to 10 MB free for 30 days. It `states` so only where that is asked for."""

    def __init__(self, *, states: bool = False, expiry: str = EXPIRY, small_expiry: str | None = None) -> None:
        super().__init__(10 * MEGABYTE, "At most 10 MB.", stated=STATED if states else None)
        self._expiry, self._small_expiry = expiry, small_expiry
        self.on_upload = self._kept

    def _kept(self, image: bytes) -> Response:
        answer = self.taken(image)
        if answer.status != 200:
            return answer
        expiry = self._small_expiry if len(image) <= MEGABYTE else self._expiry
        number = len(self.sizes)
        return reply(200, {"url": f"{self.url}/{number}.png", "id": f"{number}", "expiresAt": expiry})


EXPIRES_AT = datetime.fromisoformat(EXPIRY)
