"""The requests that a client sends to a host."""

from httpx2 import AsyncClient, Response


async def upload_free(client: AsyncClient, image: bytes, **headers: str) -> Response:
    return await client.post("/api/free", files={"image": ("shot.png", image)}, headers=headers)


async def upload_paid(client: AsyncClient, image: bytes, headers: dict[str, str]) -> Response:
    return await client.post("/api/upload", files={"image": image}, headers=headers)
