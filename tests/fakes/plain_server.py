"""A host in plain uvicorn, as another program may run it: without what the command `host` adds to the connections."""

import logging
import os
import socket
import sys

import uvicorn

from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings


def serve() -> None:
    """Prints its URL, then one line for each request, until it is stopped."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    app = create_app(host_settings(os.environ, default_public_url=url))
    print(url, flush=True)  # noqa: T201  # a test reads it
    config = uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])
