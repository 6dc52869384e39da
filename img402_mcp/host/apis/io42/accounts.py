"""The operator's commands: who may submit to which io42 project, and for what fee."""

import re
from datetime import timedelta

from sqlalchemy import select, update

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.api_keys import hash_of, new_credential
from img402_mcp.host.apis.accounts import Accounts, Entry, valid_name
from img402_mcp.host.apis.io42.fee import fee_product
from img402_mcp.host.apis.io42.submissions import AGENTS, PROJECTS, SUBMISSIONS
from img402_mcp.host.payments.records import PaymentRecord, PaymentRecords
from img402_mcp.host.storage.images import new_id
from img402_mcp.wire import io42
from img402_mcp.wire.x402 import atomic, usdc

_WORD = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_ID = re.compile(io42.ID, re.ASCII)
# A proof is valid for minutes. After this it can no longer be settled, and what the chain says is final.
RELEASE_AFTER = timedelta(hours=1)


class Io42Accounts(Accounts):
    def add_agent(self, name: str) -> Entry:
        key = new_credential("io42")
        row = {"id": new_id(), "name": valid_name(name), "key_hash": hash_of(key)}
        self._add(AGENTS, row, f"an agent {quoted(name)}")
        return {"agent": name, "key": key}

    def renew_agent(self, name: str) -> Entry:
        """Makes a new key; the old one stops working."""
        key = new_credential("io42")
        renewal = update(AGENTS).where(AGENTS.c.name == name).values(key_hash=hash_of(key))
        self._change(renewal.returning(AGENTS.c.id), "agent", name)
        return {"agent": name, "key": key}

    def agents(self) -> list[Entry]:
        return self._all(select(AGENTS.c.name.label("agent"), AGENTS.c.created_at).order_by(AGENTS.c.name))

    def add_project(self, project_id: str, fee: str, status: str, kind: str) -> Entry:
        row = {"id": _identified(project_id), **_checked(fee=fee, status=status, kind=kind)}
        self._add(PROJECTS, row, f"a project {quoted(project_id)}")
        return self._project(project_id)

    def change_project(self, project_id: str, fee: str | None, status: str | None, kind: str | None) -> Entry:
        """None leaves a field as it is. A submission whose payment is in flight keeps the old fee."""
        changed = _checked(fee=fee, status=status, kind=kind)
        if not changed:
            raise SettingsError("Nothing to change was given: use --fee, --status or --kind.")
        change = update(PROJECTS).where(PROJECTS.c.id == project_id).values(changed).returning(PROJECTS.c.id)
        self._change(change, "project", project_id)
        return self._project(project_id)

    def projects(self) -> list[Entry]:
        return [_shown(row) for row in self._all(_PROJECTS.order_by(PROJECTS.c.id))]

    def add_submission(self, submission_id: str, project_id: str, agent: str) -> Entry:
        owner = self._one(select(AGENTS.c.id).where(AGENTS.c.name == agent), "agent", agent)
        self._one(select(PROJECTS.c.id).where(PROJECTS.c.id == project_id), "project", project_id)
        row = {"id": _identified(submission_id), "project_id": project_id, "agent_id": owner["id"]}
        self._add(SUBMISSIONS, row, f"a submission {quoted(submission_id)}")
        return self._one(_SUBMISSIONS.where(SUBMISSIONS.c.id == submission_id), "submission", submission_id)

    def submissions(self) -> list[Entry]:
        return self._all(_SUBMISSIONS.order_by(SUBMISSIONS.c.project_id, SUBMISSIONS.c.id))

    def release(self, submission_id: str, paid: str | None, *, unpaid: bool) -> Entry:
        """The fee has no outcome: the operator has looked it up, and records it. Until then no other payment is taken.

        `paid`: the transaction. `unpaid`: the fee counts as never attempted.
        """
        if bool(paid) == unpaid:
            raise SettingsError("Give the outcome of the fee, as the chain shows it: --paid TRANSACTION or --unpaid.")
        book = PaymentRecords(self.database, self.now)
        payment = book.sold(fee_product(submission_id))
        if payment is None or payment.paid:
            state = "is paid" if payment else "has not been tried"
            raise SettingsError(f"The fee of submission {quoted(submission_id)} {state}; there is nothing to release.")
        if paid:
            book.settled(payment, paid)
        else:
            self._free(book, payment, submission_id)
        return {"submission": submission_id, "fee": usdc(payment.amount), "paid": not unpaid}

    def _free(self, book: PaymentRecords, payment: PaymentRecord, submission_id: str) -> None:
        if self.now() - payment.reserved_at < RELEASE_AFTER:
            raise SettingsError(
                f"The fee of submission {quoted(submission_id)} was signed at {payment.reserved_at:%H:%M:%S} UTC and "
                "may still be settled. Check the chain, and release it as unpaid an hour after it was signed."
            )
        leased = book.lease(payment.key)
        if leased is None:
            raise SettingsError("The payment is being settled right now. Try again in a minute.")
        book.free(leased)

    def _project(self, project_id: str) -> Entry:
        return _shown(self._one(_PROJECTS.where(PROJECTS.c.id == project_id), "project", project_id))


_PROJECTS = select(
    PROJECTS.c.id.label("project"), PROJECTS.c.fee, PROJECTS.c.status, PROJECTS.c.kind, PROJECTS.c.created_at
)
_SHOWN = ("created_at", "completed_at", "file_name", "file_type", "file_size", "image_id")
_SUBMISSIONS = select(
    SUBMISSIONS.c.id.label("submission"),
    SUBMISSIONS.c.project_id.label("project"),
    AGENTS.c.name.label("agent"),
    *(SUBMISSIONS.c[name] for name in _SHOWN),
).join_from(SUBMISSIONS, AGENTS, SUBMISSIONS.c.agent_id == AGENTS.c.id)


def _checked(**given: str | None) -> Entry:
    """A project's fields, as they are stored, of those that were given."""
    return {name: (_fee if name == "fee" else _word)(text) for name, text in given.items() if text is not None}


def _shown(project: Entry) -> Entry:
    return project | {"fee": usdc(project["fee"])}


def _fee(text: str) -> int:
    try:
        return atomic(text)
    except ValueError:
        raise SettingsError(f"The fee is {quoted(text)}; give an amount of USDC such as 0.25, or 0.") from None


def _identified(text: str) -> str:
    if not _ID.fullmatch(text):
        raise SettingsError(f"The id is {quoted(text)}; give 1 to 64 of A-Z, a-z, 0-9, _ and -.")
    return text


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise SettingsError(f"The status or kind is {quoted(text)}; give one lower-case word, such as open or image.")
    return text
