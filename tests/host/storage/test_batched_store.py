"""One sync and one commit for all that wait, and yet each upload has its own outcome."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import anyio
import pytest
from anyio import create_task_group, get_cancelled_exc_class, to_thread
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from img402_mcp.formats import PNG
from img402_mcp.host.db.database import Database
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import ApiError
from img402_mcp.host.storage.batched_store import BatchedStore
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import Images, StoredImage, new_id
from img402_mcp.host.storage.opening import open_store
from img402_mcp.host.storage.spool import Body
from img402_mcp.host.storage.store import PendingImage

NOW = datetime(2026, 2, 8, tzinfo=UTC)
Insert = Callable[[Transaction], object]
TAKEN = new_id()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """`.store`; `.rows()` and `.files()`, both sorted; `.kept`, the folder; `.bodies`, to be discarded."""
    folder = Folder(tmp_path / "blobs")
    url = URL.create("sqlite", database=str(tmp_path / "rows"))
    with closing(Database(url)) as database, closing(open_store(folder, database)) as store:
        assert isinstance(store, BatchedStore)
        bodies = list[Body]()
        yield SimpleNamespace(
            bodies=bodies,
            store=store,
            images=Images(database),
            kept=tmp_path / "blobs" / "kept",
            rows=lambda: sorted(rows(database)),
            files=lambda: sorted(path.name for path in (tmp_path / "blobs" / "kept").iterdir()),
        )
        for body in bodies:
            body.discard()


def rows(database: Database) -> list[str]:
    with database.reading() as connection:
        return [*connection.execute(text("SELECT id || '.' || extension FROM images")).scalars()]


def upload(host: SimpleNamespace, then: Insert = lambda _: None, image_id: str | None = None) -> PendingImage:
    image = StoredImage(image_id or new_id(), PNG, 5, NOW, None)
    host.bodies.append(body := Body(host.kept))
    body.write(b"bytes")

    def insert(transaction: Transaction, _: StoredImage) -> None:
        host.images.add(transaction, image)
        then(transaction)

    return PendingImage(body, lambda: image, insert, nullcontext())


async def outcomes(host: SimpleNamespace, uploads: Sequence[PendingImage]) -> list[StoredImage | BaseException]:
    """Of each, in their order. All of them wait for one that is being committed, and so are the next batch."""
    begun, end = Event(), Event()

    def hold(_: Transaction) -> None:
        begun.set()
        end.wait(10)

    found: dict[int, StoredImage | BaseException] = {}

    async def put(number: int, one: PendingImage) -> None:
        try:
            found[number] = await host.store.put(one)
        except (ApiError, OSError, DBAPIError, RuntimeError) as error:
            found[number] = error

    async with create_task_group() as tasks:
        tasks.start_soon(put, -1, upload(host, hold))
        await to_thread.run_sync(begun.wait, 10)
        for number, one in enumerate(uploads):
            tasks.start_soon(put, number, one)
        while len(host.store.waiting) < len(uploads):
            await anyio.lowlevel.checkpoint()
        end.set()
    assert isinstance(found.pop(-1), StoredImage)
    return [found[number] for number in range(len(uploads))]


def names(found: Sequence[StoredImage | BaseException]) -> list[str]:
    return sorted(it.name for it in found if isinstance(it, StoredImage))


async def test_those_who_wait_meanwhile_share_the_next_commit(host: SimpleNamespace):
    transactions: list[Transaction] = []
    found = await outcomes(host, [upload(host, transactions.append) for _ in range(5)])
    assert (len(names(found)), len({id(it) for it in transactions}), len(host.rows())) == (5, 1, 6)
    assert host.files() == host.rows()


def refuse(_: Transaction) -> None:
    raise ApiError("daily_limit", "Full.")


def fail(_: Transaction) -> None:
    raise RuntimeError("A fault of ours.")


def write_nonsense(transaction: Transaction) -> None:
    transaction.execute(text("INSERT INTO images (id) VALUES ('x')"), {})


@pytest.mark.parametrize(
    ("then", "error"),
    [
        pytest.param(refuse, ApiError, id="refused"),
        pytest.param(fail, RuntimeError, id="broken"),
        pytest.param(write_nonsense, IntegrityError, id="no-such-row"),
    ],
)
async def test_one_that_may_not_be_written_leaves_no_trace_and_costs_the_others_nothing(
    host: SimpleNamespace, then: Insert, error: type[Exception]
):
    found = await outcomes(host, [upload(host), upload(host, then), upload(host)])
    assert [type(it) for it in found] == [StoredImage, error, StoredImage]
    assert {*names(found)} < {*host.rows()}
    assert (len(host.rows()), host.files()) == (3, host.rows())


async def test_a_file_that_cannot_be_written_costs_the_others_nothing(host: SimpleNamespace):
    (host.kept / f"{TAKEN}.png").write_bytes(b"of somebody else")
    found = await outcomes(host, [upload(host), upload(host, image_id=TAKEN), upload(host)])
    assert [type(it) for it in found] == [StoredImage, FileExistsError, StoredImage]
    assert len(host.rows()) == 3


async def test_a_folder_that_cannot_be_synced_fails_all_of_the_batch_and_the_next_works(host: SimpleNamespace):
    away = host.kept.with_name("away")

    def move_the_folder() -> StoredImage:
        host.kept.rename(away)
        raise ApiError("unsupported_format", "No image.")

    last = PendingImage(Body(host.kept), move_the_folder, host.images.add, nullcontext())
    found = await outcomes(host, [upload(host), upload(host), last])
    assert [type(it) for it in found] == [FileNotFoundError, FileNotFoundError, ApiError]
    away.rename(host.kept)
    assert isinstance(await host.store.put(upload(host)), StoredImage)
    assert len(host.rows()) == 2


def end_the_transaction(transaction: Transaction) -> None:
    """As SQLite does by itself after some failures."""
    transaction.execute(text("ROLLBACK"), {})
    raise OSError("The disk is ill.")


async def test_where_sqlite_has_ended_the_transaction_nobody_is_told_of_success(host: SimpleNamespace):
    found = await outcomes(host, [upload(host), upload(host, end_the_transaction), upload(host)])
    assert [type(it) for it in found] == [OperationalError, OSError, OperationalError]
    assert isinstance(await host.store.put(upload(host)), StoredImage)


async def test_a_database_that_is_locked_fails_all_who_wait_and_the_next_works(host: SimpleNamespace):
    def lock(transaction: Transaction) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    found = await outcomes(host, [upload(host, lock), upload(host, lock)])
    assert [type(it) for it in found] == [OperationalError] * 2
    assert isinstance(await host.store.put(upload(host)), StoredImage)


async def test_nobody_is_told_before_the_commit(host: SimpleNamespace):
    seen: list[bool] = []

    async def put_and_look() -> None:
        image = await host.store.put(upload(host))
        seen.append(image.name in host.rows())

    async with create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(put_and_look)
    assert seen == [True] * 100


async def test_a_request_that_is_cancelled_leaves_its_body_to_the_threads(host: SimpleNamespace):
    begun, end, over = Event(), Event(), list[str]()

    def hold(_: Transaction) -> None:
        begun.set()
        end.wait(10)

    async def put() -> None:
        try:
            await host.store.put(upload(host, hold))
        except get_cancelled_exc_class():
            over.append("cancelled")
            raise
        over.append("stored")

    async with create_task_group() as tasks:
        tasks.start_soon(put)
        await to_thread.run_sync(begun.wait, 10)
        tasks.cancel_scope.cancel()
        await anyio.lowlevel.cancel_shielded_checkpoint()
        assert over == []
        end.set()
    assert (over, len(host.rows())) == (["stored"], 1)
