"""Killed at any step of a purchase and called again: charged once, and delivered."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest

from img402_mcp.client.http import Request, Response, sending
from img402_mcp.client.payments.budget import Policy
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.payer import Payer
from img402_mcp.client.payments.payment import PaymentIntent, State
from tests.fakes.keys import KEY
from tests.fakes.paywall import Paywall
from tests.fakes.posix import PROCESSES
from tests.fakes.serving import on_a_socket

pytestmark = PROCESSES

CRASHING = Path(__file__).with_name("crashing.py")
STEPS: dict[str, list[str]] = {
    "before-claim": [],
    "while-signing": [],
    "after-claim": [],
    "before-sent": [],
    "after-sent": [],
    "before-answered": [],
    "after-answered": [],
    "before-token_received": [],
    "after-token_received": [],
    "before-used": [],
    "after-used": [],
    # After the money was taken: a lost answer, a second 402.
    "before-ambiguous": ["answer-lost"],
    "after-ambiguous": ["second-402"],
}


@dataclass
class Scene:
    """One purchase that was killed, and what the API knows of it."""

    paywall: Paywall
    state_dir: Path
    url: str


@pytest.fixture(scope="module")
def scenes() -> Iterator[dict[str, Scene]]:
    paywalls = {step: Paywall() for step in STEPS}
    for step, mishaps in STEPS.items():
        paywalls[step].mishaps = [*mishaps]

    def answer(request: Request) -> Response:
        return paywalls[urlsplit(request.url).path.split("/")[1]].answer(request)

    with on_a_socket(answer) as url, TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(CRASHING), KEY, folder, url, *STEPS], check=True, timeout=60)
        yield {step: Scene(paywalls[step], Path(folder, step), f"{url}/{step}/token") for step in STEPS}


@pytest.mark.parametrize("step", STEPS)
async def test_killed_and_called_again_it_is_charged_once_and_delivered(scenes, wallet, step):
    scene = scenes[step]
    intent = PaymentIntent(scene.url.split(f"/{step}")[0], "/token", "aa" * 32)
    with closing(Journal.open(scene.state_dir)) as journal:
        async with sending() as send:
            payer = Payer(lambda: wallet, journal, Policy(10_000, 20_000), send)
            answer, payment = await payer.paid(Request("POST", scene.url), intent)
        assert answer.status == 200
        assert answer.body == (b"image" if step == "after-used" else answer.body) != b""
        assert scene.paywall.signed == scene.paywall.books == {payment.nonce: 10_000}
        assert (journal.spent(), payment.state) == (
            10_000,
            State.USED if step == "after-used" else State.ANSWERED,
        )
