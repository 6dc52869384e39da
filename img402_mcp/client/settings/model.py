"""The client's settings: one frozen object, read once from the environment by `read`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar

from img402_mcp.errors import SettingsError

# The largest file that any API of the project takes is 25 MB.
MAX_BYTES = 25 * 1024 * 1024
Approve = Literal["auto", "ask"]
PaidFlow = Literal["token", "inline"]


@dataclass(frozen=True)
class WalletSource:
    """Where the key is: itself, or an encrypted keystore and its password."""

    key: str | None = field(default=None, repr=False)
    file: Path | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Money:
    """What may be paid. Amounts are atomic units of USDC."""

    wallet: WalletSource | None = None
    max_payment: int = 10_000
    daily_budget: int = 1_000_000
    pay_to: str | None = None
    """None: the payee of the first payment to an API."""
    networks: tuple[str, ...] = ("base",)
    approve: Approve = "auto"
    flow: PaidFlow = "token"
    rpc_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ApiSettings:
    """The common part of the settings of every API besides img402."""

    name: ClassVar[str]
    """Its variables begin with `IMG402_`, this name in capitals and `_`, and are read together."""
    secret: ClassVar[str]
    """The variable with its key or token."""
    variables: ClassVar[tuple[str, ...]]
    """Every name that `read` looks for."""

    url: str
    """Its base, without a slash at its end."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self | None:
        """None if it is not configured. Raises SettingsError."""
        raise NotImplementedError


OfApi = TypeVar("OfApi", bound=ApiSettings)


@dataclass(frozen=True)
class Settings:
    api_url: str
    """Without a slash at its end."""
    allow_dirs: tuple[Path, ...]
    """The folders whose images may be uploaded; resolved where the uploader is opened."""
    named_state_dir: Path | None = None
    max_bytes: int = MAX_BYTES
    scrub: bool = True
    """Metadata is removed from a file before it is sent."""
    history: bool = True
    """What was uploaded is remembered in the state folder."""
    keep: bool = False
    """A free upload is made small enough to be kept longest, unless the call says otherwise."""
    verify: bool = True
    """A new URL is requested once, to check that the image is there."""
    money: Money = Money()
    apis: tuple[ApiSettings, ...] = ()
    """The settings of the other configured APIs; read them with `of`."""
    unknown_variables: tuple[str, ...] = ()
    """Variables that are set and look like ours but have no effect."""
    folders_named_by: str = "IMG402_ALLOW_DIRS"
    """The setting that names `allow_dirs`; empty: they are the defaults, and the user's own list is added."""
    default_reasons: Mapping[Path, str] = field(default_factory=dict, compare=False)
    """Why each default folder may be read."""

    def of(self, api: type[OfApi]) -> OfApi | None:
        """`settings.of(StudioSettings)` is that API's settings, or None if it is not configured."""
        return next((each for each in self.apis if isinstance(each, api)), None)

    @property
    def state_dir(self) -> Path:
        """Raises SettingsError for a user without a home folder."""
        if self.named_state_dir is not None:
            return self.named_state_dir
        from platformdirs import user_data_path  # noqa: PLC0415  # lazy: it costs start-up time

        try:
            return user_data_path("img402-mcp", appauthor=False)
        except RuntimeError:
            raise SettingsError("This user has no home folder to keep state in: set IMG402_STATE_DIR.") from None
