"""Sends a request, pays once if asked to, and from then on sends the same proof until there is an answer. The rule:
once a proof may have been sent, only an answer that grants the request settles the matter. A time-out, a reset, a 5xx
or a second 402 may hide a payment that was taken, so the same proof goes again. A new one is made only when the old
one was answered, or when it can no longer be charged and is known not to have been.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import time
from urllib.parse import urlsplit

import anyio
from anyio.to_thread import run_sync

from img402_mcp.client import deadline
from img402_mcp.client.http import Request, Response, Send
from img402_mcp.client.payments import payment_required as challenges
from img402_mcp.client.payments.budget import Policy, decide
from img402_mcp.client.payments.chain import Node
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.messages import begin_again, call_again, charged, clock, unknown, what
from img402_mcp.client.payments.payment import Payment, PaymentIntent, State
from img402_mcp.client.payments.payment_required import PaymentRequired, PaymentRequirements
from img402_mcp.client.payments.responses import decides, earlier_answer, is_definite, refusal, retry_after, settlement
from img402_mcp.client.payments.sign import proof
from img402_mcp.client.payments.wallet import Wallet
from img402_mcp.errors import AnswerLost, BadAnswer, NotReached, PaymentPending, PaymentRefused, UploadFailed, quoted
from img402_mcp.wire import x402 as wire

# MCP hosts end a tool call at 60 s; the step after the payment needs its share.
TIMEOUT = 30.0
# An upload on a slow link does not hang: so many bytes a second are worth waiting for.
SLOWEST_LINK = 100_000
BACKOFF = (0.5, 1.0, 2.0, 4.0, 8.0, 14.0)
# How long after its window a payment may still be found on the chain: a block takes seconds, and clocks differ.
GRACE = 60

Approve = Callable[[PaymentRequirements, PaymentIntent], Awaitable[bool]]
"""Asks the user. It may raise PaymentRefused, with the way out."""


@dataclass(frozen=True)
class Resumed:
    payment: Payment
    answer: Response | None
    """What the API granted, if it did."""
    explanation: str


@dataclass(frozen=True)
class Payer:
    wallet: Callable[[], Wallet] = field(repr=False)
    """Unlocks it; called in a thread for each payment, so it remembers what it unlocked."""
    journal: Journal
    policy: Policy
    send: Send
    approve: Approve | None = None
    check_others: Callable[[list[Payment]], None] | None = None
    """Checks the payments on the same route for other files, in the transaction that signs."""
    rpc_url: str | None = field(default=None, repr=False)
    pause: Callable[[float], Awaitable[None]] = anyio.sleep
    now: Callable[[], float] = time
    timeout: float = TIMEOUT

    async def paid(
        self, request: Request, intent: PaymentIntent, *, probe: Request | None = None, renewing: str | None = None
    ) -> tuple[Response, Payment | None]:
        """The answer to `request`, paid for if the API asks for it; the payment is None if it does not.

        `probe` is sent instead of the first, unpaid request. `renewing` names the finished payment of this intent
        whose image is gone. A finished payment that is not named is answered from the journal, with the result
        recorded there. Answers that grant nothing (4xx, 3xx) are returned as they are, and their payment stays open.
        Raises PaymentRefused, PaymentPending, UploadFailed.
        """
        _demand_origin(intent, request, probe or request)
        existing = await run_sync(self.journal.existing, intent, renewing)
        if existing is not None and (answered := await self._continued(_same_request(request, existing), existing)):
            return answered
        unpaid = await self.send(probe or request)
        if unpaid.status != 402:
            return unpaid, None
        payment = await self._claimed(challenges.read(unpaid), request, intent, renewing)
        answered = await self._continued(_same_request(request, payment), payment)
        if answered is None:
            raise PaymentPending(begin_again(payment))
        return answered

    async def again(self, request: Request, payment: Payment) -> tuple[Response, Payment]:
        """The answer to an earlier payment; buys nothing. Raises PaymentRefused, PaymentPending."""
        answered = await self._continued(request, payment) if payment.state is not State.EXPIRED else None
        if answered is None:
            raise PaymentRefused(f"The payment of {what(payment)} is closed; nothing new was paid for this.")
        return answered

    async def resume(self) -> list[Resumed]:
        """Sends every unanswered payment again if possible. Nothing new is signed."""
        waiting = await run_sync(self.journal.open_payments)
        return [await self._resumed(payment) for payment in waiting if payment.state is not State.ANSWERED]

    async def resolve(self, nonce: str, *, presume_unsettled: bool = False) -> Payment:
        """Closes a payment that can no longer be charged, so that a new one may follow.

        The chain is asked, unless the user takes the responsibility. Raises PaymentRefused, PaymentPending.
        """
        payment = await run_sync(self.journal.payment, nonce)
        if payment is None:
            raise PaymentRefused(
                f"No payment has the nonce {quoted(nonce)}. `img402-mcp wallet status` lists the open ones."
            )
        if not payment.state.is_open:
            return payment
        if not self._is_over(payment):
            raise PaymentRefused(
                f"The payment {nonce} can still be charged until {clock(payment.valid_before + GRACE)}; before that "
                "nobody can know that it was not. `img402-mcp wallet resume` asks the API for its answer."
            )
        if not presume_unsettled:
            await self._demand_unsettled(payment)
        return await self._expired(payment)

    async def _resumed(self, payment: Payment) -> Resumed:
        if payment.bodied:
            return Resumed(payment, None, "its request has a body that is not kept here: make the same call again")
        try:
            answered = await self._continued(Request(payment.method, payment.url), payment)
        except (PaymentPending, UploadFailed) as error:
            return Resumed(payment, None, str(error))
        if answered is None:
            return Resumed(payment, None, "it was not charged and no longer can be")
        answer, latest = answered
        return Resumed(latest, answer if answer.is_success else None, f"the API answered with status {answer.status}")

    async def _claimed(
        self, payment_required: PaymentRequired, request: Request, intent: PaymentIntent, renewing: str | None
    ) -> Payment:
        """Checks and asks first; then the journal checks what was agreed to once more, in one transaction."""
        chosen, wallet = await self._agreed(payment_required, intent)
        agreed = replace(payment_required, offers=(chosen,))
        now = self.now()
        claim = partial(
            self.journal.claim,
            decide=lambda spending: decide(agreed, intent.origin, self.policy, spending),
            sign=lambda offer: proof(offer, agreed, wallet, now),
            now=now,
            renewing=renewing,
            check_others=self.check_others,
        )
        return await run_sync(claim, intent, request)

    async def _agreed(
        self, payment_required: PaymentRequired, intent: PaymentIntent
    ) -> tuple[PaymentRequirements, Wallet]:
        seen = await run_sync(self.journal.spending, intent.origin, self.now())
        chosen = decide(payment_required, intent.origin, self.policy, seen)
        wallet = await run_sync(self.wallet)
        if self.approve is not None and not await self.approve(chosen, intent):
            raise PaymentRefused(
                f"The payment of {wire.usdc(chosen.amount)} USDC to {urlsplit(intent.origin).netloc} was declined; "
                "nothing was signed."
            )
        return chosen, wallet

    async def _continued(self, request: Request, payment: Payment) -> tuple[Response, Payment] | None:
        """The answer to this payment; None if it is closed unpaid. Raises PaymentPending."""
        if payment.state is State.USED and (recorded := earlier_answer(payment)):
            return recorded, payment
        if payment.state is State.SIGNED and self.now() >= payment.valid_before:  # it never left
            payment = await self._expired(payment)
        else:
            payment = await run_sync(self.journal.sent, payment.nonce, self.now())
        if not payment.state.is_open:
            return None
        _demand_origin(payment.intent, request)
        paying = replace(request, headers={**request.headers, payment.header: payment.proof})
        answer = await self._deciding_answer(paying, payment)
        if answer is not None and answer.is_success:
            return answer, await self._recorded(answer, payment)
        latest = await run_sync(self.journal.payment, payment.nonce) or payment
        return await self._ungranted(answer, latest)

    def _is_over(self, payment: Payment) -> bool:
        return self.now() > payment.valid_before + GRACE

    async def _deciding_answer(self, request: Request, payment: Payment) -> Response | None:
        """Repeats the same request until an answer decides; None if none does in time."""
        # An expired payment, or one that was answered before, is asked for once: waiting would change nothing.
        waits = () if self._is_over(payment) or payment.state is State.ANSWERED else BACKOFF
        left = min(self.timeout, deadline.current().left)
        with suppress(TimeoutError), deadline.current().limit(self.timeout + request.length / SLOWEST_LINK):
            for wait in (*waits, None):
                answer = await self._attempt(request)
                if answer is not None and decides(answer):
                    return answer
                await self._doubted(payment)
                if reason := refusal(answer):
                    await run_sync(self.journal.not_taken, payment.nonce, self.now(), reason)
                longer = max(wait or 0, retry_after(answer))
                if wait is None or longer > left or is_definite(reason):
                    return None
                left -= longer
                await self.pause(longer)
        await self._doubted(payment)
        return None

    async def _attempt(self, request: Request) -> Response | None:
        with suppress(NotReached, AnswerLost, BadAnswer):
            return await self.send(request)
        return None

    async def _doubted(self, payment: Payment) -> None:
        await run_sync(self.journal.ambiguous, payment.nonce, self.now())

    async def _recorded(self, answer: Response, payment: Payment) -> Payment:
        write = partial(self.journal.answered, answer=answer.body, settlement=settlement(answer, payment))
        with anyio.CancelScope(shield=True):  # an answer is kept even if the caller gave up waiting
            payment = await run_sync(write, payment.nonce, self.now())
        return payment  # noqa: RET504  # for all that mypy knows the scope may swallow a return

    async def _ungranted(self, answer: Response | None, payment: Payment) -> tuple[Response, Payment] | None:
        """Another call may have been granted it in the meantime; otherwise the time and the chain decide."""
        if (earlier := earlier_answer(payment)) is not None:
            return earlier, payment
        if not self._is_over(payment):
            if answer is None:
                raise PaymentPending(call_again(payment, await self._balance(payment)))
            return answer, payment
        if not self._is_expired(payment):
            await self._demand_unsettled(payment)
        await self._expired(payment)
        return None

    async def _balance(self, payment: Payment) -> str:
        """The wallet's balance in words; empty if it is not needed or the chain cannot be asked."""
        if self.rpc_url is not None and "insufficient" in payment.refusal.lower():
            with suppress(UploadFailed):
                held = await Node(self.send, self.rpc_url).balance(wire.NETWORKS[payment.network], payment.payer)
                return f"{wire.usdc(held)} USDC"
        return ""

    def _is_expired(self, payment: Payment) -> bool:
        """A bare token that was bought and has expired: it was paid for and is gone, and a new one may be bought."""
        expiry = payment.token_expires_at
        return not payment.intent.source and expiry is not None and self.now() > expiry

    async def _demand_unsettled(self, payment: Payment) -> None:
        """Returns only if the chain says that the payment was never charged."""
        if payment.state in {State.ANSWERED, State.UNDELIVERED}:
            raise PaymentPending(charged(payment))
        if self.rpc_url is None:
            raise PaymentPending(unknown(payment, "IMG402_RPC_URL is not set, so the chain was not asked"))
        try:
            used = await Node(self.send, self.rpc_url).has_used(
                wire.NETWORKS[payment.network], payment.payer, payment.nonce, after=payment.valid_before
            )
        except UploadFailed as error:
            raise PaymentPending(unknown(payment, f"the chain could not be asked ({error})")) from error
        if used:
            await run_sync(self.journal.undelivered, payment.nonce, self.now())
            raise PaymentPending(charged(payment))

    async def _expired(self, payment: Payment) -> Payment:
        return await run_sync(partial(self.journal.expired, seen=payment.state), payment.nonce, self.now())


def origin_of(url: str) -> str:
    """`https://img402.dev/api/free` -> `https://img402.dev`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _demand_origin(intent: PaymentIntent, *requests: Request) -> None:
    """A proof goes only to the origin that asked for it."""
    for request in requests:
        if origin_of(request.url) != intent.origin:
            raise ValueError(f"a payment for {intent.origin} does not go to {origin_of(request.url)}")


def _same_request(request: Request, payment: Payment) -> Request:
    """A proof goes to the address that it was made for, even if another process has chosen another one since."""
    if payment.state is not State.USED and payment.url != request.url:
        raise PaymentPending(call_again(payment))
    return request
