"""The settings. Each one that cannot be read is reported, and the rest is used."""

from collections.abc import Iterator, Mapping

from img402_mcp.client.settings.model import Settings
from img402_mcp.client.settings.names import APIS, CLIENT_VARIABLES
from img402_mcp.client.settings.read import client_settings
from img402_mcp.doctor.finding import CheckContext, Finding, Findings, fail, ok, warn
from img402_mcp.errors import SettingsError

FAMILIES = ("IMG402_WALLET_", *(f"IMG402_{api.name.upper()}_" for api in APIS))
"""Read together: one makes no sense without the others."""


def read(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings that can be read, and of each variable or family that cannot its sentence."""
    ours = {name: value for name, value in environ.items() if name in CLIENT_VARIABLES.known}
    sentences: dict[str, str] = {}
    for family in dict.fromkeys(map(_family, ours)):
        try:
            client_settings({name: value for name, value in ours.items() if _family(name) == family})
        except SettingsError as error:
            sentences[family] = str(error)
    return client_settings({name: value for name, value in ours.items() if _family(name) not in sentences}), sentences


def broken(environ: Mapping[str, str], sentences: Mapping[str, str]) -> frozenset[str]:
    misspelt = (name for name in CLIENT_VARIABLES.unread(environ) if CLIENT_VARIABLES.meant(name))
    return frozenset((*misspelt, *(name for name in environ if _family(name) in sentences)))


def _family(name: str) -> str:
    return next((family for family in FAMILIES if name.startswith(family)), name)


async def settings(context: CheckContext) -> Findings:
    _, sentences = read(context.environ)
    number = sum(name in CLIENT_VARIABLES.known for name in context.environ)
    source = f"{number} set by variables" if number else "none set by variables"
    return [fail(sentence) for sentence in sentences.values()] or [ok(f"{source}; all can be read")]


async def variables(context: CheckContext) -> Findings:
    return [*unknown(context.environ)] or [ok("no unknown IMG402_ variable")]


def unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    """The names alone: a value may be a secret."""
    for name in CLIENT_VARIABLES.unread(environ):
        if CLIENT_VARIABLES.meant(name):
            yield fail(CLIENT_VARIABLES.fault(name), "Correct the name; until then no server or command starts.")
        else:
            yield warn(CLIENT_VARIABLES.fault(name), "Remove it; the README has a table of all variables.")
