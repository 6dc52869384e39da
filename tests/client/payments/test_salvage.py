"""A damaged journal pays nothing, says so, and gives back every payment that can still be read."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from img402_mcp.cli import main
from img402_mcp.client.http import Request
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.payment import Payment, PaymentIntent
from img402_mcp.client.payments.payment_required import PaymentRequirements
from img402_mcp.client.payments.salvage import salvaged
from img402_mcp.client.payments.sign import SignedPayment
from img402_mcp.errors import PaymentPending, PaymentRefused, SettingsError
from img402_mcp.wire.x402 import BASE
from tests.fakes.keys import KEY
from tests.fakes.paywall import ORIGIN

NOW = 1_790_000_000.0
PAGE = 4096
MANY = 40
OFFER = PaymentRequirements(2, BASE, 10_000, "0x" + "20" * 20, 300, {})
POST = Request("POST", f"{ORIGIN}/api/upload/token")


def claimed(journal: Journal, number: int) -> Payment:
    intent = PaymentIntent(ORIGIN, "/api/upload/token", f"{number:064x}")
    proof = SignedPayment(
        OFFER, "0x" + "11" * 20, f"0x{number:064x}", int(NOW) + 300, "pay_x", "PAYMENT-SIGNATURE", "proof " * 100
    )
    return journal.claim(intent, POST, decide=lambda _: OFFER, sign=lambda _: proof, now=NOW + number)


@pytest.fixture
def payments(state_dir: Path) -> list[Payment]:
    """In a journal of several pages, some finished and one with an answer that fills pages of its own."""
    with closing(Journal.open(state_dir)) as journal:
        made = [claimed(journal, number) for number in range(MANY)]
        made[:20] = [journal.used(payment.nonce, NOW, "{}") for payment in made[:20]]
        made[30] = journal.answered(made[30].nonce, NOW, answer=b"a" * 20_000)
    return made


@pytest.fixture
def path(state_dir: Path, payments: list[Payment]) -> Path:
    return state_dir / "payments" / "journal.db"


def leaves(path: Path) -> list[int]:
    content = path.read_bytes()
    return [at for at in range(PAGE, len(content), PAGE) if content[at] == 0x0D]


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def journal_of(path: Path) -> list[Payment | None]:
    with closing(Journal.open(path.parent.parent)) as journal:
        return [journal.payment(f"0x{number:064x}") for number in range(MANY)]


@pytest.mark.parametrize(
    ("damage", "fewest"),
    [
        pytest.param(lambda path: overwrite(path, 0, b"\xff" * PAGE), MANY, id="the-page-that-names-the-tables"),
        pytest.param(lambda path: overwrite(path, 0, b"\xff" * 100), MANY, id="its-head"),
        pytest.param(lambda path: overwrite(path, PAGE, b"\xff" * PAGE), MANY, id="the-root-of-the-table"),
        pytest.param(lambda path: overwrite(path, 0, bytes(2 * PAGE)), MANY, id="both"),
        pytest.param(lambda path: overwrite(path, 2 * PAGE, b"\xff" * PAGE), MANY, id="an-index"),
        pytest.param(lambda path: overwrite(path, leaves(path)[2], b"\xff" * PAGE), MANY - 5, id="a-page-of-payments"),
        pytest.param(
            lambda path: overwrite(path, leaves(path)[2] + PAGE - 900, b"\xff" * 900),
            MANY - 5,
            id="half-of-such-a-page",
        ),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[: 14 * PAGE]), 3, id="a-file-that-was-cut"),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes()[: 14 * PAGE + 5]), 3, id="a-file-that-was-cut-in-a-page"
        ),
    ],
)
def test_a_damaged_page_pays_nothing_and_loses_no_payment_that_can_be_read(
    state_dir: Path, path: Path, payments: list[Payment], damage: Callable[[Path], None], fewest: int
):
    damage(path)
    broken = path.read_bytes()
    with pytest.raises(SettingsError) as told:
        Journal.open(state_dir)
    assert f"{path} could not be opened or read: it is damaged" in str(told.value)
    assert "Nothing new is signed or paid" in str(told.value)
    assert "`img402-mcp wallet status --salvage`" in str(told.value)
    found = salvaged(path)
    again = journal_of(path)
    assert [payment for payment in again if payment is not None and payment not in payments] == []
    assert found.read == MANY - again.count(None) >= fewest
    assert found.damaged.read_bytes() == broken
    assert {file.name for file in path.parent.iterdir()} == {"journal.db", found.damaged.name}


def test_what_only_the_log_beside_the_file_has_is_salvaged_too(path: Path, payments: list[Payment]):
    """The process was killed, so that nothing was written back."""
    with closing(sqlite3.connect(path)) as left_open:
        left_open.execute("UPDATE payments SET state = 'sent' WHERE serial = 40")
        left_open.commit()
        whole, log = path.read_bytes(), path.with_name("journal.db-wal").read_bytes()
    path.write_bytes(whole)
    overwrite(path, 3 * PAGE, b"\xff" * PAGE)
    path.with_name("journal.db-wal").write_bytes(log)
    salvaged(path)
    assert [payment and payment.state.value for payment in journal_of(path)][-1] == "sent"


def test_a_state_that_there_is_not_is_damage_too(state_dir: Path, path: Path):
    with closing(Journal.open(state_dir)) as journal, closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE payments SET state = 'uszd' WHERE serial = 1")
        other.commit()
        with pytest.raises(PaymentRefused, match="is damaged .*'uszd'.*wallet status --salvage"):
            journal.payment(f"0x{0:064x}")


def test_damage_that_is_met_under_way_is_told_and_what_was_sent_stays_pending(state_dir: Path, path: Path):
    with closing(Journal.open(state_dir)) as journal, closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA writable_schema = ON")
        other.execute("UPDATE sqlite_schema SET rootpage = 999 WHERE name = 'payments'")
        other.execute("PRAGMA schema_version = 99")
        other.commit()
        for read in (journal.open_payments, journal.spent, lambda: journal.payment("0x")):
            with pytest.raises(PaymentRefused, match="is damaged .*wallet status --salvage"):
                read()
        with pytest.raises(PaymentRefused, match="is damaged .*Nothing new is signed or paid"):
            claimed(journal, MANY)
        with pytest.raises(PaymentPending, match="is damaged .*Then make the same call again"):
            journal.answered(f"0x{39:064x}", NOW, answer=b"{}")


def test_a_journal_that_is_in_use_is_not_replaced(state_dir: Path, path: Path):
    with closing(Journal.open(state_dir)):
        overwrite(path, leaves(path)[2], b"\xff" * PAGE)
        before = path.read_bytes()
        with pytest.raises(SettingsError, match="is in use. Stop every agent"):
            salvaged(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir() if "journal.db" not in file.name] == []


def test_payments_go_on_with_what_was_salvaged(state_dir: Path, path: Path, payments: list[Payment]):
    overwrite(path, 0, bytes(2 * PAGE))
    salvaged(path)
    with closing(Journal.open(state_dir)) as journal:
        assert claimed(journal, 39) == payments[39]
        assert journal.spending(ORIGIN, NOW + 60).pinned == {"base": OFFER.pay_to}
        assert journal.sent(payments[39].nonce, NOW).state.value == "sent"
        assert claimed(journal, MANY).nonce == f"0x{MANY:064x}"
        assert journal.spent() == (MANY + 1) * 10_000


def test_wallet_status_names_the_damage_and_salvages(
    state_dir: Path, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("IMG402_STATE_DIR", str(state_dir))
    monkeypatch.setenv("IMG402_WALLET_KEY", KEY)
    overwrite(path, leaves(path)[4], bytes(PAGE))
    with pytest.raises(SettingsError, match="is damaged"):
        main.run(["wallet", "status"])
    assert main.run(["wallet", "status", "--salvage"]) == 0
    first = capsys.readouterr()
    assert re.search(r"3\d payments could be read, .* \d could not. The damaged journal is kept as ", first.err)
    assert main.run(["wallet", "status", "--salvage"]) == 0
    second = capsys.readouterr()
    assert (second.out, "there is nothing to salvage" in second.err) == (first.out, True)
