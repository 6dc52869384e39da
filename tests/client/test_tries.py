"""Whether what was sent may have arrived, after each way that a try can end."""

from contextlib import suppress

import pytest

from img402_mcp.client.http import Request, Response, Tries
from img402_mcp.errors import AnswerLost, BadAnswer, NotReached, UploadFailed


@pytest.mark.parametrize(
    ("outcomes", "in_doubt"),
    [
        pytest.param([], False, id="no-try"),
        pytest.param([200], True, id="taken"),
        pytest.param([400], False, id="refused"),
        pytest.param([302], False, id="sent-elsewhere"),
        pytest.param([500], True, id="failed"),
        pytest.param([NotReached("")], False, id="not-reached"),
        pytest.param([AnswerLost("")], True, id="lost"),
        pytest.param([BadAnswer("")], True, id="unreadable"),
        pytest.param([KeyboardInterrupt()], True, id="cut-off"),
        pytest.param([NotReached(""), 400], False, id="not-reached-then-refused"),
        pytest.param([AnswerLost(""), 401], True, id="lost-then-refused"),
        pytest.param([503, NotReached("")], True, id="failed-then-not-reached"),
        pytest.param([AnswerLost(""), 401, NotReached("")], True, id="lost-and-nothing-better"),
    ],
)
async def test_a_file_may_be_there_unless_every_try_was_refused_or_reached_nobody(outcomes, in_doubt):
    left = list(outcomes)

    async def send(request: Request) -> Response:
        outcome = left.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return Response(outcome, {}, b"")

    tries = Tries()
    for _ in outcomes:
        with suppress(UploadFailed, KeyboardInterrupt):
            await tries.watching(send)(Request("PUT", "https://storage.example/x"))
    assert (tries.in_doubt, left) == (in_doubt, [])


@pytest.mark.parametrize(
    ("outcome", "made"),
    [
        pytest.param(400, True, id="refused"),
        pytest.param(NotReached(""), True, id="not-reached"),
        pytest.param(AnswerLost(""), False, id="lost"),
    ],
)
async def test_what_was_in_doubt_before_stays_so(outcome, made):
    async def send(request: Request) -> Response:
        if isinstance(outcome, BaseException):
            raise outcome
        return Response(outcome, {}, b"")

    tries = Tries(in_doubt=True)
    with suppress(UploadFailed):
        await tries.watching(send)(Request("PUT", "https://storage.example/x"))
    assert (tries.in_doubt, tries.made) == (True, made)
