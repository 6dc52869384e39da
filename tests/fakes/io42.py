"""io42 on a host in memory: its projects and submissions, and an agent that has a key there."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.session import ElicitationFnT
from mcp_types import CallToolResult

from img402_mcp.client.apis.io42 import SubmissionTarget
from img402_mcp.client.io42_submit import Io42Submitter, open_io42_submitter
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.errors import Img402Error
from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.app import utc_now
from tests.fakes.agent import agent, money, uploading
from tests.fakes.clock import no_pause
from tests.fakes.keys import SELLING
from tests.fakes.wire import API, Wire, hosting, rows


@dataclass
class Platform:
    accounts: Io42Accounts
    wire: Wire
    key: str
    folder: Path

    @property
    def passed(self) -> list[tuple[str, int | str]]:
        return [(method, outcome) for method, _, outcome in self.wire.passed]

    @property
    def delivered(self) -> list[str]:
        return [row["submission"] for row in self.accounts.submissions() if row["completed_at"]]

    @property
    def journal(self) -> closing[Journal]:
        return closing(Journal.open(self.folder / "state"))

    def agent(
        self,
        era: str = "2026-07-28",
        purse: dict[str, Any] | None = None,
        on_question: ElicitationFnT | None = None,
        **changes: Any,
    ) -> AbstractAsyncContextManager[Client]:
        io42 = replace(self._settings, **changes)
        return agent(self.pictures, self.wire, era, on_question, money=money(**(purse or {})), apis=(io42,))

    @asynccontextmanager
    async def submitter(self, **payer: Any) -> AsyncIterator[Io42Submitter]:
        """A submitter without a model and without pauses."""
        async with uploading(self.pictures, self.wire, money=money(), apis=(self._settings,)) as uploader:
            with open_io42_submitter(uploader) as opened:
                yield replace(opened, payer=replace(opened.payer, pause=no_pause, **payer))

    @property
    def pictures(self) -> Path:
        return self.folder / "pictures"

    @property
    def _settings(self) -> Io42Settings:
        return Io42Settings(f"{API}/api", self.key, max_fee=250_000)


@asynccontextmanager
async def io42_platform(folder: Path) -> AsyncIterator[Platform]:
    (folder / "pictures").mkdir()
    async with hosting(folder / "host", SELLING) as wire:
        with rows(folder / "host") as database:
            accounts = Io42Accounts(database, utc_now)
            key = accounts.add_agent("painter")["key"]
            accounts.add_project("logos", "0.25", "open", "image")
            accounts.add_project("sketches", "0", "open", "image")
            for submission, project in (("sub_1", "logos"), ("sub_2", "logos"), ("sub_free", "sketches")):
                accounts.add_submission(submission, project, "painter")
            yield Platform(accounts, wire, key, folder)


async def submitted_or_error(submitter: Io42Submitter, picture: Path, submission: str = "sub_1") -> Any:
    """The outcome: a Submitted, or the error's text."""
    try:
        return await submitter.submit(SubmissionTarget("logos", submission), str(picture))
    except Img402Error as error:
        return str(error)


async def submit(
    client: Client, picture: Path, submission: str = "sub_1", project: str = "logos", **options: str
) -> CallToolResult:
    arguments = {"project_id": project, "submission_id": submission, "path": str(picture), **options}
    return await client.call_tool("submit_image", arguments)
