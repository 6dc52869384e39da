"""Pays for one POST with the Python package x402. Arguments: the URL and, where one is to be sent, an image.

The key is in PAYER_KEY. Prints the answer as JSON. Runs in an environment of its own.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

# None of these packages is installed with the project.
from eth_account import Account
from x402 import x402Client  # type: ignore[import-not-found]
from x402.http.clients import x402HttpxClient  # type: ignore[import-not-found]
from x402.mechanisms.evm.exact import register_exact_evm_client  # type: ignore[import-not-found]


async def pay(url: str, files: list[tuple[str, tuple[str, bytes, str]]]) -> None:
    client = register_exact_evm_client(x402Client(), Account.from_key(os.environ["PAYER_KEY"]))
    async with x402HttpxClient(client, timeout=60) as http:
        answer = await http.post(url, files=files or None)
    said = {"status": answer.status_code, "headers": dict(answer.headers), "body": answer.json()}
    print(json.dumps(said))  # noqa: T201  # as the fixture reads it


url, *images = sys.argv[1:]
asyncio.run(pay(url, [("image", (Path(image).name, Path(image).read_bytes(), "image/png")) for image in images]))
