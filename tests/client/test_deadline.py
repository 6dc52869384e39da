"""One deadline for a whole call, extended while bytes move."""

import math
from contextlib import suppress

import anyio
import pytest

from img402_mcp.client.deadline import current, deadline


async def test_whatever_waits_ends_at_the_deadline():
    began = anyio.current_time()
    with deadline(0.05) as limits, pytest.raises(TimeoutError), limits.limit(10):
        await anyio.sleep_forever()
    assert anyio.current_time() - began < 2


async def test_a_steps_own_limit_ends_it_earlier():
    with deadline(60) as limits:
        with pytest.raises(TimeoutError), limits.limit(0.05):
            await anyio.sleep_forever()
        assert limits.left > 50


async def test_moving_bytes_extend_the_deadline_for_everything_that_waits():
    began = anyio.current_time()
    with deadline(0.2) as limits:
        with suppress(TimeoutError), limits.limit(grace=0.1), limits.limit():
            limits.moved(taken=0.25)
            await anyio.sleep_forever()
        assert 0.45 < anyio.current_time() - began < 5


async def test_early_progress_does_not_bring_the_deadline_forward():
    with deadline(60) as limits:
        limits.moved()
        assert limits.left > 55


async def test_a_passed_deadline_is_not_extended():
    with deadline(0.01) as limits:
        with pytest.raises(TimeoutError), limits.limit():
            await anyio.sleep_forever()
        limits.moved(taken=60)
        assert limits.left <= 0


async def test_tasks_that_are_started_within_have_the_same_deadline():
    seen = []

    async def look() -> None:
        seen.append(current())

    with deadline(60) as limits:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
    assert seen == [limits]
    assert current().left == math.inf
