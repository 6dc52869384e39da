"""Killed between fee, URL and PUT, then called until done: one fee, one file. KILL_ROUNDS and KILL_SEED say more."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from img402_mcp.client.payments.journal import Journal
from tests.fakes.keys import PAYEE

HERE = Path(__file__).parent
ROUNDS, SEED = int(os.environ.get("KILL_ROUNDS", "40")), os.environ.get("KILL_SEED", "42")
FEE = 250_000
TRIES = 6
# A submission here takes about 0.3 s from the start of its process.
A_MOMENT = (0.0, 0.45)
STEPS = (
    *("-".join(pair) for pair in product(("before", "after"), ("claim", "sent", "answered", "put_begins", "used"))),
    "before-sign",
    "after-sign",
    "in-put",
    "",  # some time
)


@dataclass(frozen=True)
class Books:
    """What the host and the client know of one round."""

    charged: int
    """How many payments the host settled."""
    signed: int
    delivered: bool
    bytes_delivered: bool


@dataclass(frozen=True)
class Platform:
    url: str
    data: Path
    key: str

    def admin(self, *words: str) -> Any:
        command = [sys.executable, "-m", "img402_mcp", "host", "admin", *words, "--json", "--data", str(self.data)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="session")
def platform(running, tmp_path_factory) -> Iterator[Platform]:
    data = tmp_path_factory.mktemp("io42")
    env = {"IMG402_HOST_PAY_TO": PAYEE, "IMG402_HOST_FACILITATOR": "play"}
    env |= {"IMG402_HOST_IO42_HOURLY": "0", "IMG402_HOST_IO42_HOURLY_ALL": "0"}
    with running(["-m", "img402_mcp", "host", "--port", "0", "--data", data], env) as url:
        made = Platform(url, data, "")
        key = made.admin("agents", "add", "painter")["key"]
        made.admin("projects", "add", "logos", "--fee", "0.25")
        yield Platform(url, data, key)


@pytest.fixture(scope="session")
def lives() -> Iterator[Callable[..., dict[str, Any]]]:
    """`lives(**order)`: what became of a process that was told to submit."""
    command = [sys.executable, str(HERE / "client.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "ready\n"

        def act(**order: Any) -> dict[str, Any]:
            program.stdin.write(json.dumps({"step": "", "killed_after": None} | order) + "\n")
            program.stdin.flush()
            life: dict[str, Any] = json.loads(program.stdout.readline())
            return life

        yield act


@pytest.fixture(scope="session")
def submissions(platform) -> list[str]:
    """Made at once: a program's start for each would cost more than the round."""
    from img402_mcp.host.apis.io42.accounts import Io42Accounts  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415
    from img402_mcp.host.db.database import Database  # noqa: PLC0415
    from img402_mcp.host.settings import host_settings  # noqa: PLC0415

    settings = host_settings({}, data=platform.data, default_public_url=platform.url)
    with closing(Database(settings.database)) as database:
        register = Io42Accounts(database, utc_now)
        return [register.add_submission(f"sub_{each}", "logos", "painter")["submission"] for each in range(ROUNDS)]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_it_pays_one_fee_and_delivers_one_file(number, platform, submissions, lives, tmp_path, picture_of):
    chance = Random(f"{SEED}-{number}")
    submission, picture = submissions[number], tmp_path.resolve() / "a.png"
    picture.write_bytes(picture_of(100, 100 + number % 1900, padding=chance.choice((0, 700_000, 3_000_000))))
    order = {
        "environ": environ(platform, picture, chance.randbytes(32).hex()),
        "path": str(picture),
        "submission": submission,
    }
    step = STEPS[number % len(STEPS)]
    first = lives(**order, step=step, killed_after=None if step else chance.uniform(*A_MOMENT))
    second = lives(**order, step=chance.choice(STEPS), killed_after=chance.uniform(*A_MOMENT))
    said: list[str] = []
    while "submitted" not in said and len(said) < TRIES:
        said.append(lives(**order)["said"])
    assert lives(**order)["said"] == "submitted"
    assert books(platform, submission, picture) == Books(1, FEE, delivered=True, bytes_delivered=True), said
    assert first["killed"] or not step, second


def environ(platform: Platform, picture: Path, key: str) -> dict[str, str]:
    """Each round has its own wallet: play money runs out too."""
    return {
        "IMG402_API_URL": platform.url,
        "IMG402_ALLOW_DIRS": str(picture.parent),
        "IMG402_STATE_DIR": str(picture.parent / "state"),
        "IMG402_WALLET_KEY": key,
        "IMG402_NETWORKS": "base-sepolia",
        "IMG402_IO42_URL": f"{platform.url}/api",
        "IMG402_IO42_KEY": platform.key,
        "IMG402_IO42_MAX_FEE": "0.25",
    }


def books(platform: Platform, submission: str, picture: Path) -> Books:
    with closing(sqlite3.connect(platform.data / "index.sqlite")) as database:
        charged = database.execute(CHARGED, (f"% {submission}",)).fetchone()[0]
        (image,) = database.execute("SELECT image_id FROM io42_submissions WHERE id = ?", (submission,)).fetchone()
    with closing(Journal.open(picture.parent / "state")) as journal:
        signed = journal.spent()
    kept = [path for path in (platform.data / "blobs").rglob(f"{image}*") if image]
    return Books(charged, signed, bool(image), [path.read_bytes() for path in kept] == [picture.read_bytes()])


CHARGED = "SELECT count(*) FROM play_transfers JOIN payments USING (payer, nonce) WHERE product LIKE ?"
