"""The settings: each one that cannot be read is told, and the rest is gone on with."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from img402_mcp.client.settings import Settings, client_settings
from img402_mcp.doctor.finding import CheckContext, Finding, Findings, fail, ok, warn
from img402_mcp.errors import SettingsError, quoted

PREFIX = "IMG402_"
HOST_PREFIX = "IMG402_HOST_"
FAMILIES = ("IMG402_WALLET_", "IMG402_STUDIO_", "IMG402_IO42_")
"""Read together: one makes no sense without the others."""
KNOWN = (
    "IMG402_ALLOW_DIRS",
    "IMG402_API_URL",
    "IMG402_APPROVE",
    "IMG402_DAILY_BUDGET",
    "IMG402_HISTORY",
    "IMG402_IO42_FORWARDED_FOR",
    "IMG402_IO42_KEY",
    "IMG402_IO42_MAX_FEE",
    "IMG402_IO42_PAY_TO",
    "IMG402_IO42_URL",
    "IMG402_MAX_PAYMENT",
    "IMG402_NETWORKS",
    "IMG402_PAID_FLOW",
    "IMG402_PAY_TO",
    "IMG402_RPC_URL",
    "IMG402_SCRUB",
    "IMG402_SERVE_TOKEN",
    "IMG402_STATE_DIR",
    "IMG402_STUDIO_TOKEN",
    "IMG402_STUDIO_URL",
    "IMG402_VERIFY",
    "IMG402_WALLET_FILE",
    "IMG402_WALLET_KEY",
    "IMG402_WALLET_PASSWORD",
    "IMG402_WALLET_PASSWORD_FILE",
)
_SHORT = [name.removeprefix(PREFIX) for name in KNOWN]


def read(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings that can be read, and of each variable or family that cannot its sentence."""
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    sentences: dict[str, str] = {}
    for family in dict.fromkeys(map(_family, ours)):
        try:
            client_settings({name: value for name, value in ours.items() if _family(name) == family})
        except SettingsError as error:
            sentences[family] = str(error)
    return client_settings({name: value for name, value in ours.items() if _family(name) not in sentences}), sentences


def broken(environ: Mapping[str, str], sentences: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name in environ if _family(name) in sentences)


def _family(name: str) -> str:
    return next((family for family in FAMILIES if name.startswith(family)), name)


async def settings(case: CheckContext) -> Findings:
    _, sentences = read(case.environ)
    number = sum(name in KNOWN for name in case.environ)
    told = f"{number} set by variables" if number else "all as they are without any variable"
    return [fail(sentence) for sentence in sentences.values()] or [ok(f"{told}; all can be read")]


async def variables(case: CheckContext) -> Findings:
    return [*unknown(case.environ)] or [ok("no IMG402_ variable that is not known")]


def unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    """The names alone: a value may be a secret."""
    for name in sorted(environ):
        if name.upper().startswith("IMG402") and name not in KNOWN and not name.startswith(HOST_PREFIX):
            near = get_close_matches(name.upper().removeprefix(PREFIX), _SHORT, n=1)
            fix = f"Is {PREFIX}{near[0]} meant?" if near else "The README has a table of all; take it away."
            yield warn(f"{quoted(name)} is no variable of img402-mcp, so it has no effect.", fix)
