from dataclasses import dataclass
from typing import Any

from httpx2 import AsyncClient, Response

from img402_mcp.wire import io42


@dataclass
class Io42Agent:
    """An io42 agent of a host, with one submission to one project."""

    client: AsyncClient
    key: str
    project: str = "logos"
    submission: str = "sub_1"

    async def ask(self, intent: Any = None, *, submission: str | None = None, **headers: str) -> Response:
        """Asks for an upload URL."""
        url = f"/api/agents/projects/{self.project}/submissions/{submission or self.submission}"
        body = {"json": intent} if isinstance(intent, dict) else {"content": intent}
        return await self.client.post(url, headers={"Authorization": f"Bearer {self.key}", **headers}, **body)

    async def url_for(self, image: bytes, media_type: str = "image/png") -> str:
        return url_in(await self.ask(promise(image, media_type)))

    async def put(self, url: str, image: bytes, media_type: str = "image/png") -> Response:
        return await self.client.put(url, content=image, headers={"Content-Type": media_type})


def promise(image: bytes, media_type: str = "image/png") -> dict[str, object]:
    return {"fileName": "logo design.png", "fileType": media_type, "fileSize": len(image)}


def url_in(answer: Response) -> str:
    return io42.DataEnvelope.model_validate_json(answer.content).data.upload_url


def refusal_in(answer: Response) -> tuple[int, str, str]:
    refused = io42.ErrorEnvelope.model_validate_json(answer.content)
    return answer.status_code, refused.error.code, refused.error.message
