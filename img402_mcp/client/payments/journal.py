"""Every payment is on disk before it is sent: one SQLite file that several processes share.

A row is written and fsynced before `claim` returns the proof, so a proof that was sent is always here, and no second
one is signed for an open payment. An intent goes

    signed -> sent -> answered -> used
                   -> ambiguous -> answered ...
                                -> undelivered: the chain says that it was charged
    and to expired from any of them but used, once it is known that it was not or can no longer be charged.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from img402_mcp.client.http import Request
from img402_mcp.client.payments.budget import DAY, Spending
from img402_mcp.client.payments.journal_file import (
    OPEN,
    SCHEMA,
    UNOPENED,
    UNREAD,
    UNWRITTEN,
    UNWRITTEN_AFTERWARDS,
    Damage,
    Fault,
    journal_failed,
    journal_path,
    whole,
)
from img402_mcp.client.payments.payment import Payment, PaymentIntent, State, payment_in
from img402_mcp.client.payments.payment_required import PaymentRequirements
from img402_mcp.client.payments.sign import SignedPayment
from img402_mcp.client.sqlite import opened

# An answer holds a token or an image's address; a larger one is not such an answer.
MAX_ANSWER_BYTES = 65_536
# A token that is returned should still be valid when it is used.
MIN_TOKEN_LIFE = 30

_SPARE = "spare "
_OF_INTENT = "origin = ? AND route = ? AND source = ?"


class Journal:
    """Synchronous and safe to call from any thread: callers go through `anyio.to_thread`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path
        self._lock = threading.RLock()

    @classmethod
    def open(cls, state_dir: Path) -> "Journal":
        """The journal, in its own folder (0700) under `state_dir`. Raises SettingsError."""
        path = journal_path(state_dir)
        try:
            return cls(whole(opened(path, SCHEMA)), path)
        except (OSError, sqlite3.Error) as error:
            raise journal_failed(path, error, UNOPENED) from error

    def close(self) -> None:
        self._connection.close()

    def claim(  # noqa: PLR0913  # one transaction decides all of it
        self,
        intent: PaymentIntent,
        request: Request,
        *,
        decide: Callable[[Spending], PaymentRequirements],
        sign: Callable[[PaymentRequirements], SignedPayment],
        now: float,
        renewing: str | None = None,
        check_others: "Callable[[list[Payment]], None] | None" = None,
    ) -> Payment:
        """The payment of this intent, or a new one, on disk in one transaction. Raises the errors of `decide`."""
        with self._writing(UNWRITTEN):
            if existing := self.existing(intent, renewing):
                return existing
            if check_others is not None:
                check_others(self.of_other_files(intent))
            made = sign(decide(self.spending(intent.origin, now)))
            self._insert(intent, request, made, now)
            return self._known(made.nonce)

    def spending(self, origin: str, now: float) -> Spending:
        with self._reading():
            rows = self._connection.execute("SELECT network, pay_to FROM payees WHERE origin = ?", (origin,))
            return Spending(self.spent(now - DAY), dict(rows.fetchall()))

    def spent(self, since: float = 0) -> int:
        """Everything signed since that moment, settled or not, in atomic units."""
        query = "SELECT coalesce(sum(amount), 0) FROM payments WHERE signed_at > ?"
        with self._reading():
            return int(self._connection.execute(query, (since,)).fetchone()[0])

    def existing(self, intent: PaymentIntent, renewing: str | None = None) -> Payment | None:
        """The one that prevents a new one. `renewing`: a finished payment whose image is gone: it does not count."""
        last = self._one(f"{_OF_INTENT} AND state <> 'expired'", *intent.key)
        if last is None or last.state.is_open:
            return last
        return last if intent.source and last.nonce != renewing else None

    def finished(self, intent: PaymentIntent) -> Payment | None:
        """The last payment of the intent whose image was recorded; `result` holds it."""
        return self._one(f"{_OF_INTENT} AND state = 'used'", *intent.key)

    def of_other_files(self, intent: PaymentIntent) -> list[Payment]:
        """Payments on the same route for other files that were not given up."""
        return self._all("origin = ? AND route = ? AND source <> ? AND state <> 'expired'", *intent.key)

    def live_token(self, intent: PaymentIntent, now: float) -> Payment | None:
        """A payment whose `token` is unused and still valid for a while."""
        where = f"{_OF_INTENT} AND state = 'answered' AND token_expires_at > ?"
        return self._one(where, *intent.key, now + MIN_TOKEN_LIFE)

    def payment_of_token(self, token: str) -> Payment | None:
        return self._one("token = ?", token)

    def payment(self, nonce: str) -> Payment | None:
        return self._one("nonce = ?", nonce)

    def open_payments(self) -> list[Payment]:
        """The oldest first."""
        return self._all(f"state IN {OPEN}")[::-1]

    def sent(self, nonce: str, now: float) -> Payment:
        """Records that the proof is sent now. The returned state says whether it still may be sent."""
        return self._transition(nonce, State.SENT, now, "state = 'signed'", UNWRITTEN)

    def ambiguous(self, nonce: str, now: float) -> Payment:
        return self._transition(nonce, State.AMBIGUOUS, now, "state IN ('signed', 'sent')")

    def not_taken(self, nonce: str, now: float, refusal: str) -> Payment:
        """The API's own reason, for `payment_status`. It settles nothing."""
        return self._transition(nonce, State.AMBIGUOUS, now, "state IN ('sent', 'ambiguous')", refusal=refusal)

    def undelivered(self, nonce: str, now: float) -> Payment:
        return self._transition(nonce, State.UNDELIVERED, now, "state IN ('sent', 'ambiguous')")

    def answered(self, nonce: str, now: float, *, answer: bytes, settlement: str = "") -> Payment:
        """Keeps an answer, so that it survives a crash before it is used."""
        stored = answer if len(answer) <= MAX_ANSWER_BYTES else None
        return self._transition(nonce, State.ANSWERED, now, f"state IN {OPEN}", answer=stored, settlement=settlement)

    def token_received(self, nonce: str, now: float, token: str, expires_at: float) -> Payment:
        """`expires_at` in seconds of Unix time."""
        return self._transition(
            nonce, State.ANSWERED, now, f"state IN {OPEN}", token=token, token_expires_at=expires_at
        )

    def put_begins(self, nonce: str, now: float) -> Payment:
        """Recorded before the first byte is sent; the first time stays."""
        return self._update(nonce, "put_at = coalesce(put_at, :now)", now=now)

    def put_refused(self, nonce: str) -> None:
        """Every try of the first PUT was definitely refused, or reached nobody: as if it was never made."""
        self._update(nonce, "put_at = NULL", "state <> 'used'")

    def redeem_begins(self, nonce: str, source: str) -> Payment:
        """Recorded before the token is sent with a file; the first file stays."""
        return self._update(nonce, "redeemed = coalesce(redeemed, :source)", source=source)

    def redeem_refused(self, nonce: str, source: str) -> None:
        """The API definitely refused that file, so the token is still unused."""
        self._update(nonce, "redeemed = NULL", "redeemed = :source AND state = 'answered'", source=source)

    def make_spare(self, nonce: str) -> None:
        """Paid for a file that the API then definitely refused: it may be used for another file."""
        self._update(nonce, "source = :spare", "state = 'answered'", spare=f"{_SPARE}{nonce}")

    def take_spare(self, intent: PaymentIntent) -> None:
        """Gives a spare payment of that API to this intent, if it has no payment yet."""
        with self._writing(UNWRITTEN):
            where = "origin = ? AND route = ? AND source LIKE ? AND state = 'answered'"
            spare = self._one(where, intent.origin, intent.route, f"{_SPARE}%")
            if spare is not None and not self.existing(intent):
                statement = "UPDATE payments SET source = ? WHERE nonce = ?"
                self._connection.execute(statement, (intent.source, spare.nonce))

    def used(self, nonce: str, now: float, result: str) -> Payment:
        """`result`: the image, as the JSON of the API's own answer. The first one stays."""
        return self._transition(nonce, State.USED, now, "state <> 'used'", result=result)

    def expired(self, nonce: str, now: float, *, seen: State) -> Payment:
        """Only from the state that was checked: an answer may have come in the meantime."""
        return self._transition(nonce, State.EXPIRED, now, f"state = '{seen.value}'")

    def _transition(
        self, nonce: str, state: State, now: float, where: str, fault: Fault = UNWRITTEN_AFTERWARDS, **columns: object
    ) -> Payment:
        changes = {"state": state.value, "changed_at": now, **columns}
        return self._update(nonce, ", ".join(f"{name} = :{name}" for name in changes), where, fault, **changes)

    def _update(
        self, nonce: str, changes: str, where: str = "TRUE", fault: Fault = UNWRITTEN_AFTERWARDS, **values: object
    ) -> Payment:
        """The payment as it is afterwards, also where the condition kept it from being changed."""
        statement = f"UPDATE payments SET {changes} WHERE nonce = :nonce AND {where}"  # noqa: S608  # our own names
        with self._writing(fault):
            self._connection.execute(statement, {"nonce": nonce, **values})
            return self._known(nonce)

    def _insert(self, intent: PaymentIntent, request: Request, made: SignedPayment, now: float) -> None:
        offer = made.offer
        row = {
            "nonce": made.nonce,
            "origin": intent.origin,
            "route": intent.route,
            "source": intent.source,
            "method": request.method,
            "url": request.url,
            "bodied": int(request.length > 0),
            "network": offer.network.name,
            "asset": offer.network.usdc,
            "payer": made.payer,
            "pay_to": offer.pay_to,
            "amount": offer.amount,
            "valid_before": made.valid_before,
            "header": made.header,
            "proof": made.value,
            "identifier": made.identifier,
            "state": State.SIGNED.value,
            "signed_at": now,
            "changed_at": now,
        }
        statement = f"INSERT INTO payments ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608  # ours
        self._connection.execute(statement, tuple(row.values()))
        pin = "INSERT OR REPLACE INTO payees VALUES (?, ?, ?, ?)"
        self._connection.execute(pin, (intent.origin, offer.network.name, offer.pay_to, now))

    def _known(self, nonce: str) -> Payment:
        found = self.payment(nonce)
        if found is None:
            raise LookupError(f"no payment has the nonce {nonce}")
        return found

    def _one(self, where: str, *values: object) -> Payment | None:
        return next(iter(self._all(where, *values)), None)

    def _all(self, where: str, *values: object) -> list[Payment]:
        query = f"SELECT * FROM payments WHERE {where} ORDER BY serial DESC"  # noqa: S608  # our own conditions
        with self._reading():
            try:
                return [payment_in(row) for row in self._connection.execute(query, values)]
            except ValueError as error:  # an unknown state
                raise Damage(str(error)) from error

    @contextmanager
    def _reading(self, fault: Fault = UNREAD) -> Iterator[None]:
        """Within a change, the change reports the error."""
        with self._lock:
            is_within_a_change = self._connection.in_transaction
            try:
                yield
            except sqlite3.Error as error:
                if is_within_a_change:
                    raise
                raise journal_failed(self._path, error, fault) from error

    @contextmanager
    def _writing(self, fault: Fault) -> Iterator[None]:
        with self._reading(fault):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
