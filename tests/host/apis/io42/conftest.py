from collections.abc import Callable

import pytest
from httpx2 import AsyncClient

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from tests.fakes.io42_agent import Io42Agent

PROJECT = "123e4567-e89b-12d3-a456-426614174000"


@pytest.fixture
def known(accounts: Io42Accounts) -> Callable[[AsyncClient], Io42Agent]:
    """Makes the agent, its project and its submission."""

    def make(client: AsyncClient) -> Io42Agent:
        agent = Io42Agent(client, accounts.add_agent("bot")["key"], PROJECT, "sub_789ghi012")
        accounts.add_project(agent.project, "0", "open", "image")
        accounts.add_submission(agent.submission, agent.project, "bot")
        return agent

    return make


@pytest.fixture
async def agent(client: AsyncClient, known: Callable[[AsyncClient], Io42Agent]) -> Io42Agent:
    return known(client)
