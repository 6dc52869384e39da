"""The operator's commands: who may submit to which io42 project, and for what fee."""

import re

from sqlalchemy import select

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.api_keys import hash_of, new_credential
from img402_mcp.host.apis.accounts import Accounts, Entry, valid_name
from img402_mcp.host.apis.io42.submissions import AGENTS, PROJECTS, SUBMISSIONS
from img402_mcp.host.storage.images import new_id
from img402_mcp.wire import io42
from img402_mcp.wire.x402 import atomic, usdc

_WORD = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_ID = re.compile(io42.ID, re.ASCII)


class Io42Accounts(Accounts):
    def add_agent(self, name: str) -> Entry:
        key = new_credential("io42")
        row = {"id": new_id(), "name": valid_name(name), "key_hash": hash_of(key)}
        self._add(AGENTS, row, f"an agent {quoted(name)}")
        return {"agent": name, "key": key}

    def renew_agent(self, name: str) -> Entry:
        """Makes a new key; the old one stops working."""
        key = new_credential("io42")
        self._change(AGENTS, AGENTS.c.name, name, {"key_hash": hash_of(key)}, "agent")
        return {"agent": name, "key": key}

    def agents(self) -> list[Entry]:
        return self._all(select(AGENTS.c.name.label("agent"), AGENTS.c.created_at).order_by(AGENTS.c.name))

    def add_project(self, project_id: str, fee: str, status: str, kind: str) -> Entry:
        row = {"id": _identified(project_id), "fee": _fee(fee), "status": _word(status), "kind": _word(kind)}
        self._add(PROJECTS, row, f"a project {quoted(project_id)}")
        return self._project(project_id)

    def change_project(self, project_id: str, fee: str | None, status: str | None, kind: str | None) -> Entry:
        """None leaves a field as it is. A submission whose payment is in flight keeps the old fee."""
        changes = {
            "fee": None if fee is None else _fee(fee),
            "status": None if status is None else _word(status),
            "kind": None if kind is None else _word(kind),
        }
        changed = {name: value for name, value in changes.items() if value is not None}
        if not changed:
            raise SettingsError("Nothing to change was given: use --fee, --status or --kind.")
        self._change(PROJECTS, PROJECTS.c.id, project_id, changed, "project")
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

    def _project(self, project_id: str) -> Entry:
        return _shown(self._one(_PROJECTS.where(PROJECTS.c.id == project_id), "project", project_id))


_PROJECTS = select(
    PROJECTS.c.id.label("project"), PROJECTS.c.fee, PROJECTS.c.status, PROJECTS.c.kind, PROJECTS.c.created_at
)
_SUBMISSIONS = select(
    SUBMISSIONS.c.id.label("submission"),
    SUBMISSIONS.c.project_id.label("project"),
    AGENTS.c.name.label("agent"),
    SUBMISSIONS.c.created_at,
    SUBMISSIONS.c.completed_at,
    SUBMISSIONS.c.file_name,
    SUBMISSIONS.c.file_type,
    SUBMISSIONS.c.file_size,
    SUBMISSIONS.c.image_id,
).join_from(SUBMISSIONS, AGENTS, SUBMISSIONS.c.agent_id == AGENTS.c.id)


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
