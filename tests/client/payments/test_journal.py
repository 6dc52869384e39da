"""The journal: on disk before anything leaves, one payment for one intent, across processes and crashes."""

import re
import secrets
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from img402_mcp.client.http import Request
from img402_mcp.client.payments.budget import Spending
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.payment import Payment, PaymentIntent, State
from img402_mcp.client.payments.payment_required import PaymentRequirements
from img402_mcp.client.payments.sign import SignedPayment
from img402_mcp.errors import PaymentPending, PaymentRefused, SettingsError
from img402_mcp.wire.x402 import BASE
from tests.fakes.paywall import ORIGIN
from tests.fakes.posix import MODES

CLAIMING = Path(__file__).with_name("claiming.py")
NOW = 1_790_000_000.0
PICTURE = PaymentIntent(ORIGIN, "/api/upload/token", "aa" * 32)
TOKEN = replace(PICTURE, source="")
OFFER = PaymentRequirements(2, BASE, 10_000, "0x" + "20" * 20, 300, {})
POST = Request("POST", ORIGIN + PICTURE.route)


def proof_of(offer: PaymentRequirements) -> SignedPayment:
    nonce = "0x" + secrets.token_hex(32)
    return SignedPayment(
        offer, "0x" + "11" * 20, nonce, int(NOW) + 300, "pay_x", "PAYMENT-SIGNATURE", f"proof of {nonce}"
    )


def claimed(
    journal: Journal, intent: PaymentIntent = PICTURE, *, now: float = NOW, renewing: str | None = None
) -> Payment:
    return journal.claim(intent, POST, decide=lambda _: OFFER, sign=proof_of, now=now, renewing=renewing)


def test_a_claim_holds_everything_that_is_needed_to_resume(journal):
    payment = claimed(journal)
    assert payment == Payment(
        nonce=payment.nonce,
        intent=PICTURE,
        method="POST",
        url=POST.url,
        bodied=False,
        network="base",
        payer="0x" + "11" * 20,
        pay_to="0x" + "20" * 20,
        amount=10_000,
        valid_before=int(NOW) + 300,
        header="PAYMENT-SIGNATURE",
        state=State.SIGNED,
        signed_at=NOW,
        changed_at=NOW,
        settlement="",
        token_expires_at=None,
        result=None,
        put_at=None,
        refusal="",
        redeemed=None,
        token=None,
        answer=None,
        proof=f"proof of {payment.nonce}",
        identifier="pay_x",
    )
    assert (journal.payment(payment.nonce), journal.existing(PICTURE), journal.open_payments()) == (
        payment,
        payment,
        [payment],
    )


def test_a_second_claim_is_the_first_one_and_signs_nothing(journal):
    def never(offer: PaymentRequirements) -> SignedPayment:
        raise AssertionError

    first = claimed(journal)
    assert journal.claim(PICTURE, POST, decide=lambda _: OFFER, sign=never, now=NOW + 1) == first


def test_the_database_itself_refuses_a_second_open_payment(journal, state_dir):
    """Even if a later version of the code forgets to look it up."""
    claimed(journal)
    with closing(sqlite3.connect(state_dir / "payments" / "journal.db")) as other:
        names = [row[1] for row in other.execute("PRAGMA table_info(payments)") if row[1] not in {"serial", "nonce"}]
        copy = f"INSERT INTO payments (nonce, {', '.join(names)}) SELECT 'another', {', '.join(names)} FROM payments"
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed: payments.origin"):
            other.execute(copy)


def test_a_refusal_and_a_failing_signature_leave_no_row(journal):
    def refuse(spending: Spending) -> PaymentRequirements:
        raise PaymentRefused("no")

    def fail(offer: PaymentRequirements) -> SignedPayment:
        raise ArithmeticError

    with pytest.raises(PaymentRefused, match="no"):
        journal.claim(PICTURE, POST, decide=refuse, sign=proof_of, now=NOW)
    with pytest.raises(ArithmeticError):
        journal.claim(PICTURE, POST, decide=lambda _: OFFER, sign=fail, now=NOW)
    assert (journal.open_payments(), journal.spent()) == ([], 0)
    assert claimed(journal).state is State.SIGNED


def test_the_decision_knows_what_was_signed_in_a_day_and_who_was_paid(journal):
    for hours, source in ((0, "a"), (1, "b"), (23.9, "c")):
        claimed(journal, replace(PICTURE, source=source), now=NOW + hours * 3600)
    now = NOW + 24.5 * 3600
    assert journal.spending(ORIGIN, now) == Spending(20_000, {"base": OFFER.pay_to})
    assert journal.spending("https://other.example", now) == Spending(20_000, {})
    assert journal.spent() == 30_000


MOVES = {
    "sent": lambda journal, nonce: journal.sent(nonce, NOW),
    "ambiguous": lambda journal, nonce: journal.ambiguous(nonce, NOW),
    "undelivered": lambda journal, nonce: journal.undelivered(nonce, NOW),
    "answered": lambda journal, nonce: journal.answered(nonce, NOW, answer=b"{}"),
    "used": lambda journal, nonce: journal.used(nonce, NOW, "{}"),
    "expired": lambda journal, nonce: journal.expired(nonce, NOW, seen=journal.payment(nonce).state),
    "expired-as-seen-before": lambda journal, nonce: journal.expired(nonce, NOW, seen=State.SIGNED),
}


@pytest.mark.parametrize(
    ("moves", "state"),
    [
        ("sent", "sent"),
        ("sent ambiguous", "ambiguous"),
        ("sent ambiguous sent", "ambiguous"),
        ("sent ambiguous answered", "answered"),
        ("sent answered ambiguous", "answered"),
        ("sent answered undelivered", "answered"),
        ("sent ambiguous undelivered answered used", "used"),
        ("sent answered used answered", "used"),
        ("sent answered used expired-as-seen-before", "used"),
        ("sent answered expired-as-seen-before", "answered"),
        ("expired", "expired"),
        ("expired sent", "expired"),
        ("expired ambiguous", "expired"),
        ("expired answered", "expired"),
        ("sent ambiguous expired used", "used"),
    ],
)
def test_a_payment_moves_only_forward(journal, moves, state):
    nonce = claimed(journal).nonce
    for move in moves.split():
        moved = MOVES[move](journal, nonce)
    assert (moved.state, journal.payment(nonce)) == (state, moved)


def test_a_token_is_found_while_it_lives_and_is_unused(journal):
    nonce = claimed(journal, TOKEN).nonce
    received = journal.token_received(nonce, NOW, "t" * 40, NOW + 600)
    assert journal.live_token(TOKEN, NOW) == journal.payment_of_token("t" * 40) == received
    assert (journal.live_token(PICTURE, NOW), journal.live_token(TOKEN, NOW + 571)) == (None, None)
    journal.used(nonce, NOW, "{}")
    assert journal.live_token(TOKEN, NOW) is None


def test_a_finished_file_is_kept_until_it_is_renewed_and_a_bare_token_makes_room_at_once(journal):
    file, token = claimed(journal), claimed(journal, TOKEN)
    done = journal.used(file.nonce, NOW, '{"url": "https://i.example/1.png"}')
    journal.used(token.nonce, NOW, "{}")
    assert (journal.finished(PICTURE), journal.existing(PICTURE), claimed(journal)) == (done, done, done)
    assert claimed(journal, TOKEN).nonce != token.nonce
    assert claimed(journal, renewing=file.nonce).state is State.SIGNED


def test_the_first_result_stays(journal):
    nonce = claimed(journal).nonce
    journal.used(nonce, NOW, "first")
    assert journal.used(nonce, NOW, "second").result == "first"


def test_an_overlong_answer_is_not_kept(journal):
    nonce = claimed(journal).nonce
    assert journal.answered(nonce, NOW, answer=bytes(65_537)).answer is None


@MODES
def test_the_journal_is_readable_only_by_its_owner(tmp_path):
    tmp_path.chmod(0o755)
    with closing(Journal.open(tmp_path)) as journal:
        claimed(journal)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "payments").iterdir()}
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm"), 0o600)
    assert stat.S_IMODE((tmp_path / "payments").stat().st_mode) == 0o700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_journal_of_a_newer_version_is_left_alone(state_dir):
    Journal.open(state_dir).close()
    path = state_dir / "payments" / "journal.db"
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 4")
    with pytest.raises(SettingsError) as caught:
        Journal.open(state_dir)
    assert str(caught.value) == (
        f"{path} was written by a newer img402-mcp; run that version, or name another folder with IMG402_STATE_DIR."
    )


def test_a_journal_of_the_first_version_is_brought_up_to_date_and_keeps_its_payments(state_dir):
    with closing(Journal.open(state_dir)) as journal:
        before = claimed(journal)
    with closing(sqlite3.connect(state_dir / "payments" / "journal.db")) as older:
        older.execute("ALTER TABLE payments DROP COLUMN put_at")
        older.execute("ALTER TABLE payments DROP COLUMN redeemed")
        older.execute("ALTER TABLE payments DROP COLUMN refusal")
        older.execute("PRAGMA user_version = 1")
    with closing(Journal.open(state_dir)) as journal, closing(Journal.open(state_dir)) as other:
        assert journal.payment(before.nonce) == before
        begun = other.put_begins(before.nonce, NOW + 1)
        assert journal.put_begins(before.nonce, NOW + 2) == begun == replace(before, put_at=NOW + 1)


def test_a_file_s_payment_is_seen_from_another_file_of_the_same_route(journal):
    mine = replace(PICTURE, source="a" * 64)
    others = replace(PICTURE, source="b" * 64)
    payment = claimed(journal, mine)
    assert journal.of_other_files(others) == [payment]
    assert journal.of_other_files(mine) == journal.of_other_files(replace(others, route="/elsewhere")) == []
    journal.expired(payment.nonce, NOW, seen=State.SIGNED)
    assert journal.of_other_files(others) == []


def test_a_journal_that_cannot_be_opened_says_so(tmp_path):
    (tmp_path / "payments").write_text("a file in its place")
    with pytest.raises(SettingsError, match="Nothing is paid without it: make the folder writable, or name another"):
        Journal.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"not a database" * 100, "file is not a database", id="another-file"),
        pytest.param(b"", "no such table: payments", id="empty"),
    ],
)
def test_a_file_that_is_not_a_journal_is_refused(tmp_path, content, reason):
    (tmp_path / "payments").mkdir()
    (tmp_path / "payments" / "journal.db").write_bytes(content)
    with pytest.raises(SettingsError, match=reason):
        Journal.open(tmp_path)


def test_without_a_write_nothing_is_claimed_and_what_was_sent_is_pending(journal, state_dir):
    nonce = claimed(journal).nonce
    path = state_dir / "payments" / "journal.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE payees")
        other.execute("CREATE TRIGGER full BEFORE UPDATE ON payments BEGIN SELECT RAISE(FAIL, 'disk full'); END")
    with pytest.raises(PaymentRefused, match=r"could not be written \(no such table: payees\), so nothing was sent"):
        claimed(journal, TOKEN)
    with pytest.raises(PaymentRefused, match=r"could not be written \(disk full\), so nothing was sent"):
        journal.sent(nonce, NOW)
    with pytest.raises(PaymentPending, match=r"could not be written \(disk full\) after a payment was sent"):
        journal.answered(nonce, NOW, answer=b"")


def racing(state_dir: Path, *arguments: tuple[str, ...]) -> list[list[str]]:
    """The output of processes that start to claim at the same moment."""
    command = [sys.executable, str(CLAIMING), str(state_dir)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, *each], **pipes) for each in arguments]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=30)[0].split() for process in processes]


def test_processes_that_race_for_the_same_payments_get_the_same_ones(state_dir):
    first, *others = racing(state_dir, *[("60", "1000000")] * 3)
    assert (len({*first}), others) == (60, [first, first])
    with closing(Journal.open(state_dir)) as journal:
        assert journal.spent() == 600_000


def test_processes_that_race_for_the_last_of_the_budget_cannot_both_have_it(state_dir):
    outcomes = racing(state_dir, *[("60", "300000", prefix) for prefix in ("a", "b", "c")])
    made = [nonce for outcome in outcomes for nonce in outcome if nonce != "refused"]
    assert (len(made), len({*made})) == (30, 30)
    with closing(Journal.open(state_dir)) as journal:
        assert journal.spent() == 300_000


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to see what reaches the disk")
def test_a_proof_is_on_disk_before_anyone_sees_it(tmp_path):
    """The program prints a nonce once it is claimed; the log must be synced between its last write and that moment."""
    calls = tmp_path / "calls"
    command = ["strace", "-f", "-y", "-e", "trace=pwrite64,write,fsync,fdatasync", "-o", str(calls)]
    program = [sys.executable, str(CLAIMING), str(tmp_path), "3", "1000000"]
    subprocess.run([*command, *program], input=b"go\n", check=True, capture_output=True, timeout=60)
    assert sequence(calls.read_text()) == ["synced", "seen"] * 3


def sequence(calls: str) -> list[str]:
    """ "synced" or "UNSYNCED" log, and "seen" for each nonce that is printed."""
    events: list[str] = []
    for line in calls.splitlines():
        if re.search(r"\bwrite\(1<.*0x", line):
            events.append("seen")
        elif "journal.db-wal" not in line:
            continue
        elif "pwrite64(" in line and events[-1:] != ["UNSYNCED"]:
            events = [*events[:-1], "UNSYNCED"] if events[-1:] == ["synced"] else [*events, "UNSYNCED"]
        elif re.search(r"\bf(data)?sync\(", line) and events[-1:] == ["UNSYNCED"]:
            events[-1] = "synced"
    return events


def test_many_processes_can_open_a_new_journal_at_once(state_dir):
    outcomes = racing(state_dir, *[("1", "1000000", str(number)) for number in range(4)])
    assert Counter(len(outcome) for outcome in outcomes) == {1: 4}
