"""IMG402_APPROVE=ask: what an answer of the user covers."""

import pytest

from img402_mcp.client.files.roots import Roots
from img402_mcp.client.payments.payment import PaymentIntent
from img402_mcp.client.payments.payment_required import Offer
from img402_mcp.client.settings import Money, Settings
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import PaymentRefused
from img402_mcp.mcp_server.approval import Approval, Question, UserAnswer
from img402_mcp.wire.x402 import BASE

INTENT = PaymentIntent("https://api.example", "/api/upload", "ab" * 32)


def offer(amount: int) -> Offer:
    return Offer(2, BASE, amount, "0x" + "20" * 20, 300, {})


async def asked(tmp_path, approval: Approval, amount: int) -> bool:
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
    assert await asked(tmp_path, Approval(True, answer), amount) is covered


async def test_where_the_price_has_risen_nothing_is_signed(tmp_path):
    with pytest.raises(PaymentRefused, match=r"The user agreed to 0\.01 USDC, and api\.example now asks 0\.02"):
        await asked(tmp_path, Approval(True, UserAnswer(10_000, agreed=True)), 20_000)


async def test_the_question_names_price_place_and_purpose(tmp_path):
    with pytest.raises(Question) as caught:
        await asked(tmp_path, Approval(can_ask=True), 250_000)
    assert (caught.value.price, str(caught.value)) == (250_000, "Pay 0.25 USDC to api.example for one image upload?")
