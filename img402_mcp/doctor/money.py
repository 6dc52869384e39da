"""Whether the wallet opens, who else can read it, and what it may pay. Nothing is signed."""

from collections.abc import Iterator

from anyio.to_thread import run_sync

from img402_mcp.client.payments.wallet import unlocked
from img402_mcp.client.settings.model import Money, WalletSource
from img402_mcp.client.settings.variables import file_path
from img402_mcp.doctor.finding import CheckContext, Finding, Findings, fail, ok, unset, warn
from img402_mcp.doctor.folders import private
from img402_mcp.errors import SettingsError
from img402_mcp.wire.x402 import usdc

USUAL_PRICE = 10_000
"""Atomic units: 0.01 USDC, what one upload costs at img402.dev."""
MUCH = 10_000_000
"""10 USDC: more than uploading pictures should need."""


async def wallet(context: CheckContext) -> Findings:
    source = context.settings.money.wallet
    if source is None:
        return [] if any(name.startswith("IMG402_WALLET_") for name in context.broken) else [unset("no wallet is set")]
    password_file = context.environ.get("IMG402_WALLET_PASSWORD_FILE", "")
    return await run_sync(lambda: [_opened(source), *_exposed(source, password_file)])


def _opened(source: WalletSource) -> Finding:
    """A wallet's own sentences end with the way out, which differs with the cause."""
    try:
        return ok(f"opens; its address is {unlocked(source).address}")
    except SettingsError as error:
        return fail(str(error))


def _exposed(source: WalletSource, password_file: str) -> Iterator[Finding]:
    if source.file is None:
        said = "The key itself is in the environment, which other programs of this user can read."
        yield warn(said, "Keep it encrypted: `img402-mcp wallet import FILE`, then set IMG402_WALLET_FILE.")
        return
    files = (source.file, file_path(password_file, "IMG402_WALLET_PASSWORD_FILE") if password_file else None)
    yield from filter(None, (private(file) for file in files if file))


async def budget(context: CheckContext) -> Findings:
    if context.settings.money.wallet is None:
        return []
    money = context.settings.money
    limits = f"at most {usdc(money.max_payment)} USDC a payment and {usdc(money.daily_budget)} in 24 hours"
    return [*_doubts(money)] or [ok(limits)]


def _doubts(money: Money) -> Iterator[Finding]:
    if money.daily_budget < money.max_payment:
        said = f"The daily budget ({usdc(money.daily_budget)} USDC) is below the most for one payment."
        yield warn(said, "Raise IMG402_DAILY_BUDGET, or lower IMG402_MAX_PAYMENT.")
    if money.max_payment < USUAL_PRICE:
        said = f"One payment may cost {usdc(money.max_payment)} USDC, and an upload costs {usdc(USUAL_PRICE)}."
        yield warn(said, "Raise IMG402_MAX_PAYMENT to pay for uploads.")
    if max(money.daily_budget, money.max_payment) > MUCH:
        yield warn(
            f"More than {usdc(MUCH)} USDC may be spent in a day.",
            "Check that IMG402_DAILY_BUDGET is an amount in USDC.",
        )
