"""The types of fixtures."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from httpx2 import AsyncClient

Sample = Callable[[str], bytes]
Picture = Callable[..., bytes]
Names = Callable[[], list[str]]
MakeProof = Callable[..., dict[str, str]]
Hosting = Callable[..., AbstractAsyncContextManager[AsyncClient]]
