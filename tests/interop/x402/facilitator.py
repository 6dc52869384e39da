"""A facilitator: the one of the Python package x402 behind a plain HTTP server, on the chain at argv[1].

Its key is in FACILITATOR_KEY; it prints its URL on stderr. Runs in an environment of its own.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# None of these packages is installed with the project.
from x402 import x402FacilitatorSync  # type: ignore[import-not-found]
from x402.mechanisms.evm import FacilitatorWeb3Signer  # type: ignore[import-not-found]
from x402.mechanisms.evm.exact import register_exact_evm_facilitator  # type: ignore[import-not-found]
from x402.schemas import parse_payment_payload, parse_payment_requirements  # type: ignore[import-not-found]

RPC_URL, NETWORK = sys.argv[1:]

facilitator = x402FacilitatorSync()
signer = FacilitatorWeb3Signer(os.environ["FACILITATOR_KEY"], RPC_URL)
register_exact_evm_facilitator(facilitator, signer, NETWORK)


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(facilitator.get_supported())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        payload = parse_payment_payload(asked["paymentPayload"])
        requirements = parse_payment_requirements(payload.x402_version, asked["paymentRequirements"])
        act = {"/verify": facilitator.verify, "/settle": facilitator.settle}[self.path]
        self.answer(act(payload, requirements))

    def answer(self, said) -> None:
        body = said.model_dump_json(by_alias=True, exclude_none=True).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
    print(f"http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)  # noqa: T201  # as the fixture reads it
    server.serve_forever()
