"""Deletes an image, by the delete URL that the history keeps for one's own hosts. Only a person can do this."""

import os
import sys
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace as Flags

import anyio

from img402_mcp.cli import person
from img402_mcp.client.files.paths import absolute
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.history import History, HistoryEntry
from img402_mcp.client.http import Request, sending
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.settings.variables import HOSTED_API
from img402_mcp.errors import Img402Error, SettingsError, quoted

_GONE = {200, 204, 404}
_ASK = (
    "img402.dev has no way to delete an image. Ask its operator: curl {api}/api/feedback -H "
    '\'Content-Type: application/json\' -d \'{{"feedback": "Please delete {url}", "contact": "your address"}}\''
)


def run(flags: Flags) -> int:
    """1 if an image may still be there."""
    with closing(History.open(client_settings(os.environ).state_dir)) as history:
        entries = _named(history, flags.what)
        deletable = {entry.url: url for entry in entries if (url := history.delete_url(entry.url))}
        _demand_deletable(flags.what, entries, deletable)
        _demand_consent([*deletable], yes=flags.yes)
        left = sum(not anyio.run(_deleted, history, url, delete_url) for url, delete_url in deletable.items())
    return 1 if left else 0


def _named(history: History, what: str) -> list[HistoryEntry]:
    """The uploads with exactly that URL or file that still exist as far as we know."""
    known = history.find(what, now=time.time(), limit=-1)
    paths = {what, *_file(what)}
    exact = [entry for entry in known if entry.url == what or entry.path in paths]
    return [entry for entry in exact if not entry.gone and (entry.expires_at or time.time() + 1) > time.time()]


def _file(what: str) -> tuple[str, ...]:
    try:
        return (absolute(what, Roots(())), str(Path(absolute(what, Roots(()))).resolve()))
    except (FileRefused, OSError, RuntimeError, ValueError):
        return ()


def _demand_deletable(what: str, entries: list[HistoryEntry], deletable: dict[str, str]) -> None:
    hosted = what.startswith(("https://i.img402.dev/", HOSTED_API)) or any(each.api == HOSTED_API for each in entries)
    if deletable:
        return
    if hosted:
        url = entries[0].url if entries else what
        raise SettingsError(f"{quoted(url)} cannot be deleted from here. {_ASK.format(api=HOSTED_API, url=url)}")
    if entries:
        raise SettingsError(
            f"The API gave no delete URL for {quoted(what)}, so it cannot be deleted from here. Ask the operator of "
            f"{entries[0].api}."
        )
    raise SettingsError(
        f"No current upload of {quoted(what)} is known. Give the whole URL or the file's path; `img402-mcp history` "
        "shows both."
    )


def _demand_consent(urls: list[str], *, yes: bool) -> None:
    if yes:
        return
    if not person.is_there():
        raise SettingsError("Nothing was deleted: type yes at a terminal, or give --yes.")
    question = "\n".join(("This deletes it for good, for everybody:", *urls, "Type yes to delete: "))
    if person.asked(question).lower() != "yes":
        raise SettingsError("Nothing was deleted.")


async def _deleted(history: History, url: str, delete_url: str) -> bool:
    """The delete URL is a secret until it is used, so no message names it."""
    try:
        async with sending() as send:
            answer = await send(Request("DELETE", delete_url))
    except Img402Error as error:
        print(f"img402-mcp: {url} was not deleted: {error}", file=sys.stderr)
        return False
    if answer.status not in _GONE:
        print(f"img402-mcp: {url} was not deleted: the host answered with status {answer.status}.", file=sys.stderr)
        return False
    history.gone(url)
    print(f"Deleted: {url}")
    return True
