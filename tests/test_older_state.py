"""State from earlier versions: this version continues with it, and does not touch that of a newer version.

The files in `older_state` are what the version before the first release wrote, on a client and on its host: a free
image, a paid one, a payment whose answer was lost, a bought token, a submission with its fee, an input.
"""

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import httpx2
import pytest
from mcp import Client

from img402_mcp.client.history import History
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.wallet import Wallet
from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.client.settings.model import WalletSource
from img402_mcp.client.settings.studio import StudioSettings
from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings
from tests.fakes.agent import agent, money, text
from tests.fakes.keys import ADDRESS, SELLING
from tests.fakes.wire import API, Wire, hosting

OLDER = Path(__file__).parent / "older_state"
SMALL = SELLING | {"IMG402_HOST_MIN_FREE_BYTES": "0"}
# What the older host issued.
AGENT_KEY = "io42_d90261dfe8dd12947cc75470a1a5563dd40fed60"
STUDIO_TOKEN = "studio_4e10e9537f0a2a84abd1509b704588fef531f51f"
FREE, PAID = f"{API}/uby24cakbcmeu.png", f"{API}/1a7kfxmcc8rmn.png"
DELETE = f"{API}/delete/uby24cakbcmeu.png?key=9b46e5e44213e2c1f6fccfccb628b9d955369e33"
LOST = "0x224e928f7361162d4a29ff2b27f260bf66a9b7522f2b70e3426317e2a07f18b4"
KEPT = {
    "uby24cakbcmeu.png": "plain.png",
    "1a7kfxmcc8rmn.png": "palette.png",
    "ut6xnkzbnt4ou.jpg": "baseline.jpg",
}


def restore(dump: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript((OLDER / dump).read_text(encoding="utf-8"))


@pytest.fixture
def host_data(tmp_path: Path) -> Path:
    restore("host_sqlite.sql", tmp_path / "host" / "index.sqlite")
    shutil.copy(OLDER / "host_secret", tmp_path / "host" / "secret")
    (tmp_path / "host" / "secret").chmod(0o600)  # as it was written
    return tmp_path / "host"


@pytest.fixture
async def wire(host_data: Path, sample: Callable[[str], bytes]) -> AsyncIterator[Wire]:
    """A wire to this version's host, over the older one's data."""
    stored = host_data / "blobs" / "kept"
    stored.mkdir(parents=True)
    for name, picture in KEPT.items():
        (stored / name).write_bytes(sample(picture))
    shutil.copy(OLDER / "logo.png", stored / "mng8qej4gtfx4.png")
    async with hosting(host_data, SMALL) as joined:
        yield joined


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder of the older client."""
    restore("history.sql", tmp_path / "state" / "ledger" / "ledger.db")
    restore("journal.sql", tmp_path / "state" / "payments" / "journal.db")
    return tmp_path / "state"


def older_agent(wire: Wire, state: Path, pictures: Path) -> AbstractAsyncContextManager[Client]:
    wallet = WalletSource(file=OLDER / "keystore.json", password="open sesame")
    io42 = Io42Settings(f"{API}/api", AGENT_KEY, max_fee=250_000)
    return agent(
        pictures,
        wire,
        named_state_dir=state,
        money=money(wallet=wallet),
        apis=(io42, StudioSettings(API, STUDIO_TOKEN)),
    )


async def test_images_that_an_older_client_uploaded_or_paid_for_are_not_sent_again(
    wire: Wire, state: Path, pictures: Path, sample: Callable[[str], bytes]
):
    for name in ("plain.png", "palette.png"):
        (pictures / name).write_bytes(sample(name))
    (pictures / "logo.png").write_bytes((OLDER / "logo.png").read_bytes())
    submission = {"project_id": "logos", "submission_id": "sub_1", "path": str(pictures / "logo.png")}
    async with older_agent(wire, state, pictures) as client:
        free = await client.call_tool("upload_free", {"path": str(pictures / "plain.png")})
        paid = await client.call_tool("upload_paid", {"path": str(pictures / "palette.png")})
        submitted = await client.call_tool("submit_image", submission)
        status = await client.call_tool("payment_status")
    assert [(each.structured_content["url"], each.structured_content["reused"]) for each in (free, paid)] == [
        (FREE, True),
        (PAID, True),
    ]
    assert submitted.structured_content["reused"]
    assert status.structured_content["address"] == ADDRESS
    assert status.structured_content["spent_in_all_usdc"] == "0.28"
    assert wire.posted == []


async def test_a_payment_whose_answer_an_older_client_lost_is_resumed(
    wire: Wire, state: Path, pictures: Path, sample: Callable[[str], bytes]
):
    picture = pictures / "still.gif"
    picture.write_bytes(sample("still.gif"))
    async with older_agent(wire, state, pictures) as client:
        before = await client.call_tool("payment_status")
        paid = await client.call_tool("upload_paid", {"path": str(picture)})
        after = await client.call_tool("payment_status")
    assert LOST in text(before)
    assert not paid.is_error, text(paid)
    assert LOST not in text(after)
    assert after.structured_content["spent_in_all_usdc"] == "0.28"
    assert wire.posted == ["/api/upload/token", "/api/upload"]


async def test_what_an_older_host_issued_still_works(
    wire: Wire, tmp_path: Path, pictures: Path, sample: Callable[[str], bytes]
):
    (pictures / "logo.png").write_bytes((OLDER / "logo.png").read_bytes())
    submission = {"project_id": "logos", "submission_id": "sub_1", "path": str(pictures / "logo.png")}
    async with older_agent(wire, tmp_path / "new", pictures) as client:
        put_in = await client.call_tool("upload_input", {"path": str(pictures / "logo.png")})
        submitted = await client.call_tool("submit_image", submission)
    async with httpx2.AsyncClient(transport=wire) as client:
        served = [(await client.get(url)).content for url in (FREE, PAID)]
        taken_down = [(await client.delete(DELETE)).status_code, (await client.get(FREE)).status_code]
    assert not put_in.is_error, text(put_in)
    assert 'Its own words: "Submission has already been uploaded"' in text(submitted)
    assert served == [sample("plain.png"), sample("palette.png")]
    assert taken_down == [204, 404]


@pytest.mark.parametrize(
    ("file", "statement", "sentence"),
    [
        pytest.param(
            "state/ledger/ledger.db",
            "PRAGMA user_version = 4",
            "{path} was written by a newer img402-mcp; run that version, or name another folder with IMG402_STATE_DIR.",
            id="history",
        ),
        pytest.param(
            "state/payments/journal.db",
            "PRAGMA user_version = 4",
            "{path} was written by a newer img402-mcp; run that version, or name another folder with IMG402_STATE_DIR.",
            id="journal",
        ),
        pytest.param(
            "host/index.sqlite",
            "UPDATE schema_version SET version = 4",
            "The database sqlite:///{path}?timeout=30 has schema version 4, made by a newer img402-mcp; this one knows "
            "versions up to 3. Run `pip install -U img402-mcp`, or name another database with IMG402_HOST_DATABASE.",
            id="host",
        ),
    ],
)
@pytest.mark.usefixtures("state", "host_data")
def test_a_database_of_a_newer_version_is_refused(tmp_path: Path, file: str, statement: str, sentence: str):
    path = tmp_path / file
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)
    before = contents(path)
    opened: dict[str, Callable[[], object]] = {
        "ledger.db": lambda: History.open(tmp_path / "state"),
        "journal.db": lambda: Journal.open(tmp_path / "state"),
        "index.sqlite": lambda: create_app(host_settings(SMALL, data=tmp_path / "host", public_url=API)),
    }
    with pytest.raises(SettingsError) as refused:
        opened[path.name]()
    assert str(refused.value) == sentence.format(path=path)
    assert contents(path) == before


def contents(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [*database.iterdump(), str(database.execute("PRAGMA user_version").fetchone())]


@pytest.mark.parametrize("version", [1, 4, "3" * 99])
def test_a_keystore_of_another_version_is_refused(tmp_path: Path, version: object):
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps(json.loads((OLDER / "keystore.json").read_bytes()) | {"version": version}))
    with pytest.raises(SettingsError) as refused:
        Wallet.from_keystore(path, "open sesame")
    assert str(refused.value) == (
        f"The keystore {path} has version {quoted(str(version), 20)}, and this img402-mcp reads version 3. Run `pip "
        "install -U img402-mcp`, or export the key again as version 3."
    )


@pytest.mark.parametrize("length", [0, 31])
def test_a_truncated_secret_stops_the_host(host_data: Path, length: int):
    (host_data / "secret").write_bytes(b"x" * length)
    with pytest.raises(SettingsError) as refused:
        create_app(host_settings(SMALL, data=host_data, public_url=API))
    assert str(refused.value).startswith(f"The host's secret {host_data}/secret has {length} characters; it must have ")
