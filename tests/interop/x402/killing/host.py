"""Our host, as `img402-mcp host` runs it, but it dies where the file FOLDER/dies-at says: `host.py FOLDER PORT`.

A point is `before-` or `after-` one of POINTS, or before an `answer`, which is a granted one. The host dies by SIGKILL;
the file is taken away first, so that it passes the point in its next life.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img402_mcp.host.app import create_app
from img402_mcp.host.payments.facilitators.remote import Remote
from img402_mcp.host.payments.records import PaymentRecords
from img402_mcp.host.payments.upload_tokens import UploadTokens
from img402_mcp.host.settings import host_settings
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import Images
from img402_mcp.mcp_server.asgi import address_of, listen, run_app

# The methods themselves, so that a new name of one is found by the type checker.
POINTS: tuple[tuple[type, Callable[..., Any]], ...] = (
    (PaymentRecords, PaymentRecords.reserve),
    (PaymentRecords, PaymentRecords.lease),
    (Remote, Remote.settle),
    (PaymentRecords, PaymentRecords.settled),
    (UploadTokens, UploadTokens.token),
    (Folder, Folder.sync_names),
    (Images, Images.add),
)


class Death:
    def __init__(self, file: Path) -> None:
        self._file = file

    def at(self, point: str) -> None:
        if self._file.exists() and self._file.read_text() == point:
            self._file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def awaited(*arguments: Any, **named: Any) -> Any:
            self.at(f"before-{name}")
            result = await method(*arguments, **named)
            self.at(f"after-{name}")
            return result

        def called(*arguments: Any, **named: Any) -> Any:
            self.at(f"before-{name}")
            result = method(*arguments, **named)
            self.at(f"after-{name}")
            return result

        return awaited if iscoroutinefunction(method) else called

    def around_answers(self, app: ASGIApp) -> ASGIApp:
        async def answering(scope: Scope, receive: Receive, send: Send) -> None:
            async def sending(message: Message) -> None:
                granted = message.get("status") == 200 and scope["method"] == "POST"
                if granted:
                    self.at("before-answer")
                await send(message)

            await app(scope, receive, sending)

        return answering


def main(folder: str, port: str) -> None:
    death = Death(Path(folder, "dies-at"))
    for owner, method in POINTS:
        setattr(owner, method.__name__, death.around(method.__name__, method))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    listener = listen("127.0.0.1", int(port))
    settings = host_settings(os.environ, data=folder, default_public_url=address_of(listener))
    app = death.around_answers(create_app(settings))
    sys.stderr.write(f"{address_of(listener)}\n")
    run_app(app, listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
