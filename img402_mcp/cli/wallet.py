"""The wallet, for a person. Only these commands ask for a password: elsewhere the input belongs to the protocol."""

import getpass
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace as Flags

import anyio

from img402_mcp.client.files.allow_list import AllowList, local_path
from img402_mcp.client.paid_upload import PaidUploader, open_paid_uploader
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.journal_file import is_damage, journal_path
from img402_mcp.client.payments.salvage import Salvage, salvaged
from img402_mcp.client.payments.wallet import import_keystore, new_keystore, unlocked
from img402_mcp.client.result_text import status_text
from img402_mcp.client.settings.names import CLIENT_VARIABLES
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.settings.variables import secret_in
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import SettingsError


def new(flags: Flags) -> int:
    CLIENT_VARIABLES.check(os.environ)
    return _made(local_path(flags.file, "FILE", os.environ), new_keystore)


def import_key(flags: Flags) -> int:
    CLIENT_VARIABLES.check(os.environ)
    place = local_path(flags.file, "FILE", os.environ)
    key = _read_secret("The private key (it is not shown): ", "IMG402_WALLET_KEY")
    return _made(place, lambda file, password: import_keystore(file, key, password))


def _made(file: Path, make: Callable[[Path, str], str]) -> int:
    print(make(file, _new_password()))
    print(
        f"The key is encrypted in {file}. Keep a copy, and put in no more USDC than you would carry as cash.\n"
        f"Set IMG402_WALLET_FILE={file.absolute()} and IMG402_WALLET_PASSWORD_FILE to a file with the password.",
        file=sys.stderr,
    )
    return 0


def _new_password() -> str:
    if file := os.environ.get("IMG402_WALLET_PASSWORD_FILE"):
        return secret_in(file, "IMG402_WALLET_PASSWORD_FILE")
    password = _read_secret("A password for the keystore: ", "IMG402_WALLET_PASSWORD")
    if sys.stdin.isatty() and not os.environ.get("IMG402_WALLET_PASSWORD") and getpass.getpass("Again: ") != password:
        raise SettingsError("The two passwords differ, so nothing was created.")
    return password


def _read_secret(prompt: str, variable: str) -> str:
    """Never an argument: the list of processes shows those to everyone."""
    if value := os.environ.get(variable):
        return value
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingsError(f"The input is not UTF-8, so {variable} cannot be read from it.") from None


def address(_: Flags) -> int:
    source = client_settings(os.environ).money.wallet
    if source is None:
        raise SettingsError(
            "No wallet is set: name it with IMG402_WALLET_FILE, or make one with `img402-mcp wallet new FILE`."
        )
    print(unlocked(source).address)
    return 0


def status(flags: Flags) -> int:
    if flags.salvage:
        _salvage(client_settings(os.environ).state_dir)

    async def show() -> None:
        async with _opened() as paid:
            print(status_text(await paid.status()))

    anyio.run(show)
    return 0


def _salvage(state_dir: Path) -> None:
    try:
        Journal.open(state_dir).close()
    except SettingsError as error:
        if error.__cause__ is None or not is_damage(error.__cause__):
            raise
        _print_salvaged(_salvaged(journal_path(state_dir)))
    else:
        print("The payment journal is intact: there is nothing to salvage.", file=sys.stderr)


def _salvaged(path: Path) -> Salvage:
    try:
        return salvaged(path)
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(f"Nothing could be salvaged from {path} ({error}); it was not changed.") from error


def _print_salvaged(found: Salvage) -> None:
    lost = "" if found.lost == 0 else f" {found.lost} could not."
    print(
        f"{found.read} payments could be read, and are in the journal again.{lost} The damaged journal is kept as "
        f"{found.damaged}. A payment that was lost counts in no budget, and may have been charged: before you pay "
        "again, look at the wallet's transfers.",
        file=sys.stderr,
    )


def resume(_: Flags) -> int:
    async def send_again() -> int:
        async with _opened() as paid:
            resumed = await paid.payer.resume()
        for each in resumed:
            print(f"{each.payment.nonce}: {each.explanation}")
        print(f"{len(resumed)} payments had no answer.", file=sys.stderr)
        return 0 if all(each.answer for each in resumed) else 1

    return anyio.run(send_again)


def resolve(flags: Flags) -> int:
    async def close() -> None:
        async with _opened() as paid:
            payment = await paid.payer.resolve(flags.nonce, presume_unsettled=flags.presume_unsettled)
        print(f"{payment.nonce}: {payment.state.value}")

    anyio.run(close)
    return 0


@asynccontextmanager
async def _opened() -> AsyncIterator[PaidUploader]:
    settings = client_settings(os.environ)
    async with open_uploader(settings, AllowList.of(settings)) as uploader:
        with open_paid_uploader(uploader) as paid:
            yield paid
