"""Whether a file may have arrived although no answer says so; and the last answer to a payment."""

from img402_mcp.client.apis.io42 import by_code
from img402_mcp.client.http import Request, Response, Send
from img402_mcp.errors import NotReached
from img402_mcp.wire.x402 import PAYMENT_HEADERS


class Tries:
    """`in_doubt`: the file may be there. False if every try reached nobody or was definitely refused."""

    def __init__(self, *, in_doubt: bool = False) -> None:
        self.in_doubt = in_doubt
        """An earlier doubt remains."""
        self.made = False

    def watching(self, send: Send) -> Send:
        async def watched(request: Request) -> Response:
            before, self.in_doubt = self.in_doubt, True  # also if the call is cut off
            try:
                answer = await send(request)
            except NotReached:
                self.made, self.in_doubt = True, before
                raise
            self.made, self.in_doubt = True, before or not 300 <= answer.status < 500
            return answer

        return watched


class PaymentWatch:
    """Uses an answer's code, and remembers the last answer to a request with a proof."""

    def __init__(self, send: Send, url: str) -> None:
        self._send, self._url = send, url
        self.last: Response | None = None

    async def send(self, request: Request) -> Response:
        if request.url != self._url:  # a node of the chain
            return await self._send(request)
        paying = not _PAYMENT_HEADERS.isdisjoint(request.headers)
        self.last = None if paying else self.last
        answer = by_code(await self._send(request))
        self.last = answer if paying else self.last
        return answer


_PAYMENT_HEADERS = frozenset(PAYMENT_HEADERS.values())
