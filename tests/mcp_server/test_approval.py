"""IMG402_APPROVE=ask: the user is asked before a payment and only then; and what an answer covers."""

from pathlib import Path

import pytest
from mcp_types import ElicitResult

from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.files.image import Image
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.payments.payment import PaymentIntent
from img402_mcp.client.payments.payment_required import PaymentRequirements
from img402_mcp.client.settings.model import Money, Settings
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import PaymentRefused
from img402_mcp.formats import examine
from img402_mcp.mcp_server.approval import Approval, Question, UserAnswer
from img402_mcp.mcp_server.session import open_session
from img402_mcp.wire.x402 import BASE
from tests.fakes.agent import ERAS, agent, fetched, money, spent, text
from tests.fakes.keys import SELLING
from tests.fakes.wire import hosting

INTENT = PaymentIntent("https://api.example", "/api/upload", "ab" * 32)


def offer(amount: int) -> PaymentRequirements:
    return PaymentRequirements(2, BASE, amount, "0x" + "20" * 20, 300, {})


async def approved(tmp_path, approval: Approval, amount: int) -> bool:
    settings = Settings("https://api.example", (), tmp_path, money=Money(approve="ask"), history=False)
    async with open_uploader(settings, Roots(())) as uploader:
        approve = approval.approver(uploader, "for one image upload")
        assert approve is not None
        return await approve(offer(amount), INTENT)


@pytest.mark.parametrize(
    ("answer", "amount", "covered"),
    [
        pytest.param(UserAnswer(10_000, agreed=True), 10_000, True, id="the-price-that-was-named"),
        pytest.param(UserAnswer(10_000, agreed=True), 9_000, True, id="less"),
        pytest.param(UserAnswer(10_000, agreed=False), 10_000, False, id="declined"),
        pytest.param(UserAnswer(10_000, agreed=False), 20_000, False, id="declined-and-risen"),
    ],
)
async def test_an_answer_counts_for_the_price_that_was_named(answer, amount, covered, tmp_path):
    assert await approved(tmp_path, Approval(True, answer), amount) is covered


async def test_where_the_price_has_risen_nothing_is_signed(tmp_path):
    with pytest.raises(PaymentRefused, match=r"The user agreed to 0\.01 USDC, and api\.example now asks 0\.02"):
        await approved(tmp_path, Approval(True, UserAnswer(10_000, agreed=True)), 20_000)


async def test_the_question_names_price_place_and_purpose(tmp_path):
    with pytest.raises(Question) as caught:
        await approved(tmp_path, Approval(can_elicit=True), 250_000)
    assert (caught.value.price, str(caught.value)) == (250_000, "Pay 0.25 USDC to api.example for one image upload?")


@pytest.fixture
async def wire(tmp_path):
    async with hosting(tmp_path / "host", SELLING) as joined:
        yield joined


@ERAS
@pytest.mark.parametrize(
    ("answer", "paid"),
    [
        pytest.param(ElicitResult(action="accept", content={"pay": True}), True, id="yes"),
        pytest.param(ElicitResult(action="accept", content={"pay": False}), False, id="unticked"),
        pytest.param(ElicitResult(action="decline"), False, id="no"),
        pytest.param(ElicitResult(action="cancel"), False, id="away"),
    ],
)
async def test_the_user_is_asked_where_that_is_set(era, answer, paid, wire, picture):
    questions = []

    async def on_question(_, question):
        questions.append(question.message)
        return answer

    async with agent(picture.parent, wire, era, money=money(approve="ask"), on_question=on_question) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        assert await spent(client) == ("0.01" if paid else "0")
    assert questions == ["Pay 0.01 USDC to localhost for one image upload?"]
    assert result.is_error is not paid
    if not paid:
        assert "The payment of 0.01 USDC to localhost was declined; nothing was signed." in text(result)


@ERAS
async def test_the_user_pays_for_the_bytes_that_were_read_before_the_question(era, wire, picture, sample):
    async def on_question(_, question):
        picture.unlink()
        return ElicitResult(action="accept", content={"pay": True})

    async with agent(picture.parent, wire, era, money=money(approve="ask"), on_question=on_question) as client:
        paid = await client.call_tool("upload_paid", {"path": str(picture)})
        again = await client.call_tool("upload_paid", {"path": str(picture)})
    assert await fetched(wire, paid.structured_content["url"]) == sample("plain.png")
    assert "does not exist" in text(again)  # nothing is kept any longer than for one question


async def test_of_what_was_read_only_the_last_call_is_kept_and_given_out_once(tmp_path, sample):
    read = [{("a.png", True): image(name, sample)} for name in ("plain.png", "palette.png")]
    async with open_session(Settings("https://api.example", (), tmp_path), AllowList(Roots(()))) as session:
        first, second = map(session.keep, read)
        assert [session.taken(call) for call in (first, second, second, "")] == [{}, read[1], {}, {}]


def image(name: str, sample) -> Image:
    data = sample(name)
    return Image(Path(name), data, examine(data), "")


@ERAS
async def test_a_client_that_cannot_ask_pays_nothing_where_the_user_must_be_asked(era, wire, picture):
    async with agent(picture.parent, wire, era, money=money(approve="ask")) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        assert await spent(client) == "0"
    assert "this client cannot ask; nothing was signed. Without a payment there is upload_free;" in text(result)
    assert "or set IMG402_APPROVE=auto: the budget still holds." in text(result)


@ERAS
async def test_nobody_is_asked_where_nothing_will_be_paid(era, wire, picture):
    questions = []

    async def on_question(_, question):
        questions.append(question.message)
        return ElicitResult(action="accept", content={"pay": True})

    async with agent(picture.parent, wire, era, money=money(approve="ask"), on_question=on_question) as client:
        for _ in range(2):
            await client.call_tool("upload_paid", {"path": str(picture)})
            await client.call_tool("get_upload_token")
        forbidden = await client.call_tool("upload_paid", {"path": "/etc/passwd"})
    assert len(questions) == 2
    assert "is not inside an allowed folder" in text(forbidden)
