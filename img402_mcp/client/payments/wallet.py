"""The key, and the one thing it signs: an EIP-3009 transfer of USDC on a network in our own table.

eth_account takes half a second to import, so it is imported only when a wallet is opened. The key is in no repr, no
error and no file but the encrypted keystore.
"""

import json
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from img402_mcp.atomic_write import atomic_write
from img402_mcp.client.private_files import new_private_file
from img402_mcp.client.settings.model import WalletSource
from img402_mcp.errors import SettingsError, quoted
from img402_mcp.wire.evm import account, can_sign, typed_data
from img402_mcp.wire.x402 import Authorization, Network

if TYPE_CHECKING:
    from eth_account import Account
    from eth_account.signers.local import LocalAccount

_KEY = re.compile(r"(?:0x)?[0-9a-fA-F]{64}", re.ASCII)
_VERSION = 3
"""Of Web3 Secret Storage."""
_CHECK = "Check the file that IMG402_WALLET_FILE names."


class Wallet:
    __slots__ = ("_account",)

    def __init__(self, account: "LocalAccount") -> None:
        _write_no_core()
        self._account = account

    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    @classmethod
    def from_key(cls, key: str) -> "Wallet":
        """A key of 64 hexadecimal digits, with or without 0x. Raises SettingsError, which does not repeat it."""
        keys = _signing()
        try:
            return cls(keys.from_key(bytes.fromhex(_checked(key))))
        except ValueError:  # zero, or not below the curve's order; the message would hold the key
            raise SettingsError(
                "The wallet key is not a key of secp256k1. Make one with `img402-mcp wallet new FILE`, or export yours "
                "again."
            ) from None

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> "Wallet":
        """An encrypted key file (Web3 Secret Storage, version 3). Raises SettingsError. Takes a second by design."""
        keys, stored = _signing(), _stored(path)
        _demand_known_version(path, stored)
        try:
            return cls(keys.from_key(keys.decrypt(stored, password)))
        except (ValueError, TypeError, KeyError, NotImplementedError):
            raise SettingsError(
                f"The keystore {path} could not be decrypted: wrong password, or it is not a keystore of version 3. "
                "Check the password, and the file that IMG402_WALLET_FILE names."
            ) from None

    @property
    def address(self) -> str:
        return str(self._account.address)

    def sign(self, authorization: Authorization, network: Network) -> str:
        """The signature, 0x and 65 bytes. The payer must be this wallet."""
        if authorization.payer != self.address:
            raise ValueError(f"the payer {authorization.payer} is not this wallet, {self.address}")
        signed = self._account.sign_typed_data(*typed_data(authorization, network))
        return "0x" + bytes(signed.signature).hex()


def _signing() -> "Account":
    if not can_sign():
        raise SettingsError(
            "A wallet needs the package eth-account, which is not installed: its dependency ckzg has no ready-made "
            "build for Python 3.15 or Windows on ARM. Free uploads work without it. To pay, run img402-mcp with "
            "Python 3.11 to 3.14 on Linux, macOS or Windows x64."
        )
    return account()


def _write_no_core() -> None:
    """A crashing process does not write its memory, and so the key, to a file."""
    with suppress(ImportError):  # Windows
        import resource  # noqa: PLC0415

        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def unlocked(source: WalletSource) -> Wallet:
    if source.file is not None:
        return Wallet.from_keystore(source.file, source.password or "")
    return Wallet.from_key(source.key or "")


def new_keystore(path: Path, password: str) -> str:
    """Makes a key, keeps it encrypted at `path`, which must not exist, and returns its address."""
    return import_keystore(path, secrets.token_hex(32), password)


def import_keystore(path: Path, key: str, password: str) -> str:
    """Keeps `key` encrypted at `path`, which must not exist, and returns its address. Raises SettingsError."""
    if not password:
        raise SettingsError("A keystore needs a password: without one anyone who reads the file has the money.")
    wallet = Wallet.from_key(key)
    if path.exists():  # said before the second that encrypting takes; writing checks it again
        raise _taken(path)
    document = json.dumps(account().encrypt(bytes.fromhex(_checked(key)), password)).encode()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_write(path, document, create=new_private_file)  # on the disk before anyone sends money there
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise SettingsError(f"The keystore {path} could not be written: {error.strerror}.") from None
    return wallet.address


def _taken(path: Path) -> SettingsError:
    return SettingsError(f"{path} exists already and may hold a key: name another file.")


def _checked(key: str) -> str:
    plain = key.strip()
    if not _KEY.fullmatch(plain):
        raise SettingsError(f"The wallet key must be 64 hexadecimal digits; this one has {len(plain)} characters.")
    return plain.removeprefix("0x")


def _stored(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"The keystore {path} could not be read: {error.strerror}. {_CHECK}") from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise SettingsError(f"{quoted(str(path))} is not a keystore: it holds no JSON object. {_CHECK}")
    return document


def _demand_known_version(path: Path, stored: Mapping[str, object]) -> None:
    """Another version derives the key differently, so the password would be blamed."""
    version = stored.get("version", _VERSION)
    if version != _VERSION:
        raise SettingsError(
            f"The keystore {path} has version {quoted(str(version), 20)}, and this img402-mcp reads version "
            f"{_VERSION}. Run `pip install -U img402-mcp`, or export the key again as version {_VERSION}."
        )
