"""The wallet, for a person: only here a password is asked for, since elsewhere the input is the protocol's."""

import argparse
import getpass
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.paid_upload import PaidUploader, open_paid_uploader
from img402_mcp.client.payments.wallet import import_keystore, new_keystore, unlocked
from img402_mcp.client.result_text import status_text
from img402_mcp.client.settings import CLIENT_VARIABLES, client_settings, secret_in
from img402_mcp.client.settings.variables import file_path
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import SettingsError

SUMMARY = "Make or read the wallet, see its payments, and go on with those that have no answer."


def add_flags(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, action, summary in _ACTIONS:
        subparser = actions.add_parser(name, help=summary, description=summary)
        subparser.set_defaults(action=action)
        if name in {"new", "import"}:
            subparser.add_argument("file", metavar="FILE", help="the keystore to make; it must not exist")
        if name == "resolve":
            subparser.add_argument("nonce", metavar="NONCE")
            help_text = "take it upon yourself that it was not charged, having looked at the wallet's transfers"
            subparser.add_argument("--presume-unsettled", action="store_true", help=help_text)


def run(flags: argparse.Namespace) -> int:
    action: Callable[[argparse.Namespace], int] = flags.action
    return action(flags)


def _new(flags: argparse.Namespace) -> int:
    CLIENT_VARIABLES.check(os.environ)
    return _made(file_path(flags.file, "FILE"), new_keystore)


def _import(flags: argparse.Namespace) -> int:
    CLIENT_VARIABLES.check(os.environ)
    key = _read_secret("The private key (it is not shown): ", "IMG402_WALLET_KEY")
    return _made(file_path(flags.file, "FILE"), lambda file, password: import_keystore(file, key, password))


def _made(file: Path, make: Callable[[Path, str], str]) -> int:
    print(make(file, _new_password()))
    print(
        f"The key is encrypted in {file}. Keep a copy, and put in no more USDC than you would carry in a purse.\n"
        f"Set IMG402_WALLET_FILE={file.absolute()} and IMG402_WALLET_PASSWORD_FILE to a file with the password.",
        file=sys.stderr,
    )
    return 0


def _new_password() -> str:
    if file := os.environ.get("IMG402_WALLET_PASSWORD_FILE"):
        return secret_in(file, "IMG402_WALLET_PASSWORD_FILE")
    password = _read_secret("A password for the keystore: ", "IMG402_WALLET_PASSWORD")
    if sys.stdin.isatty() and not os.environ.get("IMG402_WALLET_PASSWORD") and getpass.getpass("Again: ") != password:
        raise SettingsError("The two passwords differ; nothing was made.")
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
        raise SettingsError(f"The input is not UTF-8, so what should be {variable} cannot be read.") from None


def _address(_: argparse.Namespace) -> int:
    source = client_settings(os.environ).money.wallet
    if source is None:
        raise SettingsError("No wallet is set: name it with IMG402_WALLET_FILE, or make one with `wallet new FILE`.")
    print(unlocked(source).address)
    return 0


def _status(_: argparse.Namespace) -> int:
    async def show() -> None:
        async with _opened() as paid:
            print(status_text(await paid.status()))

    anyio.run(show)
    return 0


def _resume(_: argparse.Namespace) -> int:
    async def resume() -> int:
        async with _opened() as paid:
            resumed = await paid.payer.resume()
        for each in resumed:
            print(f"{each.payment.nonce}: {each.explanation}")
        print(f"{len(resumed)} payments had no answer.", file=sys.stderr)
        return 0 if all(each.answer for each in resumed) else 1

    return anyio.run(resume)


def _resolve(flags: argparse.Namespace) -> int:
    async def resolve() -> None:
        async with _opened() as paid:
            payment = await paid.payer.resolve(flags.nonce, presume_unsettled=flags.presume_unsettled)
        print(f"{payment.nonce}: {payment.state.value}")

    anyio.run(resolve)
    return 0


@asynccontextmanager
async def _opened() -> AsyncIterator[PaidUploader]:
    settings = client_settings(os.environ)
    async with open_uploader(settings, AllowList.of(settings)) as uploader:
        with open_paid_uploader(uploader) as paid:
            yield paid


_ACTIONS: tuple[tuple[str, Callable[[argparse.Namespace], int], str], ...] = (
    ("new", _new, "Make a key, keep it encrypted in FILE, print its address."),
    ("import", _import, "Keep a key that exists encrypted in FILE, print its address."),
    ("address", _address, "Print the wallet's address."),
    ("status", _status, "Print what was spent, what is left and which payments are open."),
    ("resume", _resume, "Send the proofs again that have no answer; nothing new is signed."),
    ("resolve", _resolve, "Close a payment that can no longer be charged, so that a new one may follow."),
)
