"""The rows of io42: agents, projects, and submissions with their one upload. Everything here blocks.

A submission's row decides which upload URL is valid, and who was first to put the file.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, ColumnElement, ForeignKey, String, Table, and_, bindparam, select, update

from img402_mcp.host.api_keys import hash_of
from img402_mcp.host.db.database import METADATA, Database, Moment
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import ApiError
from img402_mcp.host.storage.images import StoredImage, new_id
from img402_mcp.wire.io42 import Intent

AGENTS = Table(
    "io42_agents",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
)
PROJECTS = Table(
    "io42_projects",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("fee", BigInteger, nullable=False),
    Column("status", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("created_at", Moment, nullable=False),
)
SUBMISSIONS = Table(
    "io42_submissions",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), ForeignKey(PROJECTS.c.id), nullable=False),
    Column("agent_id", String(32), ForeignKey(AGENTS.c.id), nullable=False),
    Column("created_at", Moment, nullable=False),
    # About the upload, from the first request for a URL:
    Column("media_id", String(32), unique=True),
    Column("file_name", String(255)),
    Column("file_type", String(32)),
    Column("file_size", BigInteger),
    Column("asked_at", Moment),
    Column("url_expires_at", Moment),
    # Once the file has arrived:
    Column("image_id", String(32)),
    Column("completed_at", Moment),
)
_COMPLETE = (
    update(SUBMISSIONS)
    .where(SUBMISSIONS.c.media_id == bindparam("promised"), SUBMISSIONS.c.completed_at.is_(None))
    .values(image_id=bindparam("image_id"), completed_at=bindparam("completed_at"))
    .returning(SUBMISSIONS.c.id)
)


@dataclass(frozen=True)
class Project:
    """`fee` in atomic units; 0: free."""

    id: str
    fee: int
    status: str
    kind: str


@dataclass(frozen=True)
class PromisedUpload:
    """The announced file with the id `media_id`."""

    media_id: str
    intent: Intent
    asked_at: datetime
    url_expires_at: datetime


@dataclass(frozen=True)
class Submission:
    id: str
    project_id: str
    agent_id: str
    completed: bool


class AlreadyUploaded(ApiError):
    """The submission has its file; a second upload gets this error."""

    def __init__(self) -> None:
        super().__init__("already_uploaded", "A file was already put to this URL; it accepts only one.")


class Submissions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def agent_id(self, key: str) -> str | None:
        row = self._database.first(select(AGENTS.c.id).where(AGENTS.c.key_hash == hash_of(key)))
        return row and str(row.id)

    def project(self, project_id: str) -> Project | None:
        row = self._database.first(select(PROJECTS).where(PROJECTS.c.id == project_id))
        return Project(row.id, row.fee, row.status, row.kind) if row else None

    def submission(self, submission_id: str) -> Submission | None:
        return self._submission(_is(submission_id))

    def promised(self, media_id: str) -> Submission | None:
        """The submission whose current upload has this id."""
        return self._submission(SUBMISSIONS.c.media_id == media_id)

    def _submission(self, condition: ColumnElement[bool]) -> Submission | None:
        row = self._database.first(select(SUBMISSIONS).where(condition))
        return Submission(row.id, row.project_id, row.agent_id, row.completed_at is not None) if row else None

    def promise(self, submission_id: str, intent: Intent, now: datetime, life: timedelta) -> PromisedUpload:
        """The valid upload for this file, or a new one: the same file keeps its id. Raises AlreadyUploaded."""
        expires = (now + life).replace(microsecond=0)
        waiting = _is(submission_id) & SUBMISSIONS.c.completed_at.is_(None)
        with self._database.transaction() as connection:
            # Where nothing below changes the row, it must not change during the last look either.
            connection.execute(select(SUBMISSIONS.c.id).where(_is(submission_id)).with_for_update())
            same = waiting & _is_for(intent) & (SUBMISSIONS.c.url_expires_at <= now)
            connection.execute(update(SUBMISSIONS).where(same).values(url_expires_at=expires))
            other = waiting & (SUBMISSIONS.c.media_id.is_(None) | ~_is_for(intent))
            values = intent.model_dump() | {"media_id": new_id(), "asked_at": now, "url_expires_at": expires}
            connection.execute(update(SUBMISSIONS).where(other).values(values))
            row = connection.execute(select(SUBMISSIONS).where(_is(submission_id))).one()
        if row.completed_at is not None:
            raise AlreadyUploaded
        return PromisedUpload(row.media_id, intent, row.asked_at, row.url_expires_at)

    def complete(self, transaction: Transaction, media_id: str, image: StoredImage) -> None:
        """Runs in the transaction that adds the image's row, which must not be committed after AlreadyUploaded."""
        values = {"promised": media_id, "image_id": image.id, "completed_at": image.created_at}
        if not [*transaction.execute(_COMPLETE, values)]:
            raise AlreadyUploaded


def _is(submission_id: str) -> ColumnElement[bool]:
    return SUBMISSIONS.c.id == submission_id


def _is_for(intent: Intent) -> ColumnElement[bool]:
    return and_(*(SUBMISSIONS.c[name] == value for name, value in intent.model_dump().items()))
