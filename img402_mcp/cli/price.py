import os
import sys
from types import SimpleNamespace as Flags

import anyio

from img402_mcp.client.http import Request, Response, sending
from img402_mcp.client.payments import payment_required
from img402_mcp.client.settings.read import client_settings
from img402_mcp.errors import PaymentRefused
from img402_mcp.wire.img402 import TOKEN
from img402_mcp.wire.x402 import usdc


def run(flags: Flags) -> int:
    url = flags.url or client_settings(os.environ).api_url + TOKEN
    answer = anyio.run(_fetch, url)
    if answer.status != 402:
        raise PaymentRefused(f"{url} answered {answer.status} and asks for no payment.")
    read = payment_required.read(answer)
    for offer in read.offers:
        print(f"{usdc(offer.amount)} USDC on {offer.network.name} to {offer.pay_to}, within {offer.timeout_seconds} s")
    for reason in read.skipped:
        print(f"Not payable from here: {reason}", file=sys.stderr)
    return 0 if read.offers else 1


async def _fetch(url: str) -> Response:
    async with sending() as send:
        return await send(Request("POST", url))
