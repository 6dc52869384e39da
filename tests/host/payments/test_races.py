"""What workers decide together, each through its own connection. On PostgreSQL they really run in parallel."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from img402_mcp.formats import PNG
from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.io42.submissions import Submissions
from img402_mcp.host.cleanup import claim_turn
from img402_mcp.host.db.database import Database
from img402_mcp.host.db.engine import open_engine
from img402_mcp.host.errors import ApiError
from img402_mcp.host.payments.payload import PaymentPayload, presented
from img402_mcp.host.payments.records import PaymentRecords
from img402_mcp.host.payments.upload_tokens import AlreadyRedeemed, UploadTokens, redeem
from img402_mcp.host.rate_limits import DailyCaps, HourlyLimits
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.storage.images import Images, StoredImage, new_id
from img402_mcp.wire import x402
from img402_mcp.wire.img402 import FreeTerms
from img402_mcp.wire.io42 import Intent

NOW = datetime(2026, 2, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORKERS = 8

_Result = TypeVar("_Result")


def at_once(*works: Callable[[], _Result]) -> list[_Result]:
    start = Barrier(len(works))

    def run(work: Callable[[], _Result]) -> _Result:
        start.wait(10)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def an_image(expires_at: datetime | None = None) -> StoredImage:
    return StoredImage(new_id(), PNG, 1, NOW, expires_at)


def test_workers_that_start_together_make_one_schema(data: Path, settings: Callable[..., HostSettings]):
    data.mkdir(exist_ok=True)
    opened = at_once(*[lambda: Database(settings().database)] * WORKERS)
    for database in opened:
        Images(database).check()
        database.close()


def test_workers_that_open_a_new_file_together_all_open_it(tmp_path: Path):
    for each in range(60):
        url = make_url(f"sqlite:///{tmp_path}/{each}.sqlite")
        engines = [open_engine(url) for _ in range(WORKERS)]
        opened = at_once(*[engine.connect for engine in engines])
        assert [connection.closed for connection in opened] == [False] * WORKERS
        for connection in opened:
            connection.close()
        for engine in engines:
            engine.dispose()


def test_a_due_task_is_given_to_one_worker(database: Database):
    asked = [partial(claim_turn, database, "sweep", NOW + n * HOUR, HOUR) for n in (0, 0, 0, 1, 1)]
    assert sum(at_once(*asked[:3])) == 1
    assert sum(at_once(*asked[3:])) == 1
    assert not claim_turn(database, "sweep", NOW + 2 * HOUR - timedelta(milliseconds=1), HOUR)
    assert claim_turn(database, "tidy", NOW, HOUR)


def test_no_two_cleanups_take_the_same_row(database: Database):
    images = [an_image(NOW) for _ in range(120)]
    with database.transaction() as connection:
        for image in images:
            Images(database).add(connection, image)

    def remove_expired_images() -> list[str]:
        taken: list[str] = []
        while names := Images(database).remove_expired(NOW, at_most=3):
            taken += names
        return taken

    taken = chain.from_iterable(at_once(*[remove_expired_images] * 4))
    assert sorted(taken) == sorted(image.name for image in images)


def test_a_payment_that_is_freed_meanwhile_is_not_a_conflict(
    database: Database, proof: Callable[..., dict[str, str]], clock: SimpleNamespace
):
    """Another copy of the proof was conclusively refused just now; this one may still be tried."""
    payments, paid = PaymentRecords(database, lambda: clock.now), presented(proof())
    assert paid is not None
    reserve: Callable[[], Any] = partial(payments.reserve, paid, x402.BASE, "image", 10_000)

    def reserve_and_free() -> list[bool]:
        found = []
        for _ in range(60):
            payment = reserve()
            found.append(payment is not None)
            if payment is not None:
                payments.free(payment)
        return found

    assert all(chain.from_iterable(at_once(*[reserve_and_free] * 3)))


def test_an_identifier_and_a_thing_sold_once_have_one_payment(
    database: Database, proof: Callable[..., dict[str, str]], clock: SimpleNamespace
):
    payments = PaymentRecords(database, lambda: clock.now)

    def reserve(nonce: int, identifier: str | None, product: str) -> str | None:
        paid = presented(proof(nonce=nonce, identifier=identifier))
        assert isinstance(paid, PaymentPayload)
        payment = payments.reserve(paid, x402.BASE, product, 10_000)
        return payment.key if payment else None

    same_identifier = at_once(*[partial(reserve, nonce, "pay_0123456789abcdef", "image") for nonce in range(6)])
    once = at_once(*[partial(reserve, nonce, None, "once: io42 sub_1") for nonce in range(10, 16)])
    again = at_once(*[partial(reserve, 20, None, "image")] * 6)
    assert [len({*keys} - {None}) for keys in (same_identifier, once, again)] == [1, 1, 1]
    assert [keys.count(None) for keys in (same_identifier, once, again)] == [5, 5, 0]


def test_a_payment_has_one_live_token(database: Database):
    redeeming = UploadTokens(database, b"secret", HOUR)
    for n in range(5):
        tokens = at_once(*[partial(redeeming.token, "payment", NOW + 2 * n * HOUR)] * WORKERS)
        assert len({token.token for token in tokens}) == 1


def test_a_hundred_uploads_for_one_payment_are_one(database: Database):
    def upload(image: StoredImage) -> bool:
        try:
            with database.transaction() as connection:
                redeem(connection, "payment", image, "hash")
                Images(database).add(connection, image)
        except AlreadyRedeemed:
            return False
        return True

    images = [an_image() for _ in range(100)]
    won = at_once(*[partial(upload, image) for image in images])
    assert [Images(database).find(image.id) for image, first in zip(images, won, strict=True) if first] != [None]
    assert (won.count(True), [Images(database).find(image.id) for image in images].count(None)) == (1, 99)


def test_each_request_gets_the_url_of_its_own_file(database: Database):
    accounts = Io42Accounts(database, lambda: NOW)
    accounts.add_agent("painter")
    accounts.add_project("logos", "0", "open", "image")
    accounts.add_submission("sub_1", "logos", "painter")
    submissions = Submissions(database)

    def ask(size: int) -> set[int]:
        intent = Intent(file_name="a.png", file_type="image/png", file_size=size)
        return {submissions.promise("sub_1", intent, NOW, HOUR).intent.file_size for _ in range(40)}

    assert at_once(*[partial(ask, size) for size in (1, 2, 3)]) == [{1}, {2}, {3}]


def test_no_upload_slips_past_a_cap(database: Database):
    def upload(caps: DailyCaps) -> bool:
        def take(connection: Connection) -> None:
            caps.take(connection, None, NOW)

        try:
            with database.transaction() as connection:
                take(connection)
        except ApiError:
            return False
        return True

    daily = FreeTerms(max_bytes=1, days=1, uploads_a_day=9, uploads_a_day_per_address=7)
    assert sum(at_once(*[partial(upload, DailyCaps(daily)) for _ in range(20)])) == 7
    hourly = [HourlyLimits(database, "io42", 7, 9) for _ in range(10)]
    asked = [partial(limits.take, who, NOW) for limits in hourly for who in ("a", "b")]
    taken = [not allowance.exceeded for allowance in at_once(*asked)]
    assert (taken[::2].count(True) <= 7, taken[1::2].count(True) <= 7, taken.count(True)) == (True, True, 9)


def test_a_cap_may_be_as_large_as_the_settings_allow(database: Database):
    largest = 1 << 40
    terms = FreeTerms(max_bytes=1, days=1, uploads_a_day=largest, uploads_a_day_per_address=largest)
    with database.transaction() as connection:
        DailyCaps(terms).take(connection, None, NOW)
    assert HourlyLimits(database, "io42", largest, largest).take("a", NOW).remaining == largest - 1
