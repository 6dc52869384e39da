"""Anyone who has an image's key may delete it.

The key is made of the host's secret and the image's name, so that nothing is stored, and a wrong key is told from a
right one without a look at what exists.
"""

import hashlib
import hmac

PATH = "/delete/"
_LENGTH = 40  # of hexadecimal digits: 160 bits


class DeleteKeys:
    def __init__(self, secret: bytes, public_url: str) -> None:
        # A key of its own: what else is made of the secret deletes nothing.
        self._secret = hmac.digest(secret, b"delete keys", hashlib.sha256)
        self._public_url = public_url

    def url(self, name: str) -> str:
        return f"{self._public_url}{PATH}{name}?key={self._key(name)}"

    def fits(self, name: str, key: str) -> bool:
        return hmac.compare_digest(key.encode(), self._key(name).encode())

    def _key(self, name: str) -> str:
        return hmac.digest(self._secret, name.encode(), hashlib.sha256).hex()[:_LENGTH]
