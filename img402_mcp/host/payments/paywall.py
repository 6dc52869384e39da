"""The paywall: answers 402, then verifies, reserves and settles a proof once; the same proof gets the same answer.

A payment is bound to one product at its first use. A known proof is never settled again; while its outcome is
unknown the answer is 503, and never a new 402, which would ask for the money twice.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio
from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from img402_mcp.errors import quoted
from img402_mcp.host.errors import UNCACHED, ApiError
from img402_mcp.host.payments.facilitators.base import Claim, Facilitator, Rejected, Settled, Unknown, Valid
from img402_mcp.host.payments.facilitators.play import signer
from img402_mcp.host.payments.payload import PaymentPayload, claim, mismatch
from img402_mcp.host.payments.records import ONCE, PaymentRecord, PaymentRecords
from img402_mcp.host.payments.requirements import Sale, required_v1, required_v2
from img402_mcp.host.settings import PaidSettings
from img402_mcp.wire import x402

# How long a copy of a proof waits for the one that is being settled before it is asked to retry.
SETTLE_TIMEOUT = 8.0
POLL = 0.05
RENEW_SECONDS = 2
RETRY_AFTER = 2

Outcome = Settled | Rejected | Unknown
WORDS: dict[type[Outcome], str] = {Settled: "settled", Rejected: "refused", Unknown: "undecided"}
"""In the log and the metrics."""

_log = logging.getLogger("img402_mcp.host.payments")


class PaymentRequiredError(ApiError):
    """The 402: the offer as v1 in the body and as v2 in the header."""

    def __init__(
        self, sale: Sale, payee: PaidSettings, code: str, message: str, proof: PaymentPayload | None = None
    ) -> None:
        super().__init__(code, message)
        self._sale, self._payee, self.proof = sale, payee, proof

    def response(self) -> Response:
        body = required_v1(self._sale, self._payee, self.code, str(self))
        offer = {x402.PAYMENT_REQUIRED_HEADER: x402.encoded(required_v2(self._sale, self._payee, self.code))}
        receipt = x402.SettlementResponse(success=False, error_reason=self.code)
        failed = _receipt_header(self.proof, receipt, self._payee.network) if self.proof else {}
        return Response(json.dumps(body), 402, {**UNCACHED, **EXPOSED, **offer, **failed}, "application/json")


EXPOSED = {
    "Access-Control-Expose-Headers": ", ".join(
        [x402.PAYMENT_REQUIRED_HEADER, *x402.RECEIPT_HEADERS.values(), "Retry-After"]
    )
}


def _receipt_header(proof: PaymentPayload, receipt: x402.SettlementResponse, network: x402.Network) -> dict[str, str]:
    """In the proof's own version."""
    name = network.caip2 if proof.version == 2 else network.name
    response = receipt.model_copy(update={"network": name, "payer": proof.authorization.payer})
    return {x402.RECEIPT_HEADERS[proof.version]: x402.encoded(response)}


class Paywall:
    def __init__(  # noqa: PLR0913  # what money decisions depend on, all of it
        self,
        payee: PaidSettings,
        facilitator: Facilitator,
        payments: PaymentRecords,
        settle_timeout: float = SETTLE_TIMEOUT,
        *,
        recovers: bool = False,
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`recovers`: signatures are looked at here before a body is taken, not by the facilitator alone.

        `count` is called with the outcome of each attempt to settle.
        """
        self.payee, self.facilitator = payee, facilitator
        self._payments, self._settle_timeout, self._count = payments, settle_timeout, count
        # Where the chain can be asked, nothing is trusted without asking it.
        self._trust_used = 0 if payee.rpc_url else payee.trust_used
        # One at a time: to recover one is 5 ms of pure Python.
        self._signatures = CapacityLimiter(1) if recovers else None

    def required(self, sale: Sale) -> PaymentRequiredError:
        price = f"{x402.usdc(sale.price)} USDC on {self.payee.network.name}"
        message = f"This costs {price}. Pay with any x402 client: sign the offer, then send this request again with it."
        return PaymentRequiredError(sale, self.payee, "payment_required", message)

    async def known(self, proof: PaymentPayload, sale: Sale) -> PaymentRecord | None:
        """The payment, if this proof came before. Raises ApiError where it is bound to something else."""
        payment = await to_thread.run_sync(self._payments.find, proof.key(self.payee.network))
        return payment and _bound(payment, proof, sale)

    async def sold(self, sale: Sale) -> PaymentRecord | None:
        """The payment for a product that is sold once, paid or in flight."""
        if not sale.product.startswith(ONCE):
            return None
        return await to_thread.run_sync(self._payments.sold, sale.product)

    def check(self, proof: PaymentPayload, sale: Sale) -> None:
        """Raises PaymentRequiredError for a proof that does not match the offer; asks no facilitator."""
        if found := mismatch(proof, sale, self.payee, self._payments.now()):
            raise PaymentRequiredError(sale, self.payee, *found, proof=proof)

    async def examine(self, proof: PaymentPayload, sale: Sale) -> None:
        """Before a body is taken: the offer, the window, then the signature, one at a time.

        A contract's wallet signs in a way that only the facilitator can judge, so it has the last word.
        """
        self.check(proof, sale)
        asked = claim(proof, sale, self.payee)
        if self._signatures is None or await to_thread.run_sync(signer, asked, limiter=self._signatures) == proof.payer:
            return
        await self._verify(proof, sale)

    async def _verify(self, proof: PaymentPayload, sale: Sale) -> None:
        verdict = await self.facilitator.verify(claim(proof, sale, self.payee))
        if not isinstance(verdict, Valid):
            raise self._failed(proof, sale, verdict)

    async def charge(self, proof: PaymentPayload, sale: Sale) -> PaymentRecord:
        """The payment, paid. Raises ApiError: 402 if it was refused, 409 if it is bound, 503 if it is unknown."""
        payment = await self.known(proof, sale) or await self._reserved(proof, sale)
        deadline = anyio.current_time() + self._settle_timeout
        while not payment.paid:
            leased = await to_thread.run_sync(self._payments.lease, payment.key)
            if leased is not None:
                await self._settle(leased, proof, sale)
            elif anyio.current_time() >= deadline:
                raise pending("it is being settled")
            else:
                await anyio.sleep(POLL)
            payment = await self.known(proof, sale) or await self._reserved(proof, sale)
        return payment

    def receipt(self, proof: PaymentPayload, payment: PaymentRecord) -> dict[str, str]:
        settled = x402.SettlementResponse(success=True, transaction=payment.settlement, amount=str(payment.amount))
        return EXPOSED | _receipt_header(proof, settled, self.payee.network)

    async def _reserved(self, proof: PaymentPayload, sale: Sale) -> PaymentRecord:
        self.check(proof, sale)
        try:
            await self._verify(proof, sale)
        except PaymentRequiredError:
            # Another copy of this proof may have been settled since the record was read.
            if payment := await self.known(proof, sale):
                return payment
            raise
        reserve = partial(self._payments.reserve, proof, self.payee.network, sale.product, sale.price)
        payment = await to_thread.run_sync(reserve)
        if payment is None:
            if await self.sold(sale):
                raise pending("another payment for the same thing is being settled")
            raise ApiError("payment_conflict", "The payment-identifier belongs to another payment; use a new one.")
        return _bound(payment, proof, sale)

    async def _settle(self, payment: PaymentRecord, proof: PaymentPayload, sale: Sale) -> None:
        """Returns once it is paid, else raises ApiError. The caller has the lease."""
        async with self._renewing(payment):
            outcome = await self._outcome(claim(proof, sale, self.payee), payment)
        if isinstance(outcome, Settled):
            await to_thread.run_sync(self._payments.settled, payment, outcome.transaction)
            self._note(proof, outcome, outcome.transaction)
            return
        undone = self._payments.free if isinstance(outcome, Rejected) else self._payments.release
        await to_thread.run_sync(undone, payment)
        self._note(proof, outcome, outcome.reason)
        raise self._failed(proof, sale, outcome)

    async def _outcome(self, claim: Claim, payment: PaymentRecord) -> Outcome:
        """A refusal is conclusive only at the first attempt: before a second one the first may have moved the money.

        And the second attempt need not show it: some facilitators report a used authorization as a failed transaction.
        """
        outcome = self._counted(await self.facilitator.settle(claim))
        used = isinstance(outcome, Rejected) and outcome.used
        if isinstance(outcome, Settled) or (payment.attempts == 1 and not used):
            return outcome
        recalled = self._counted(await self.facilitator.recall(claim, payment.reserved_at))
        if not isinstance(recalled, Unknown):
            return recalled
        if payment.amount <= self._trust_used and await self._is_used(claim, outcome):
            return Settled()
        return recalled if isinstance(outcome, Rejected) else outcome

    def _counted(self, outcome: Outcome) -> Outcome:
        self._count(WORDS[type(outcome)])
        return outcome

    async def _is_used(self, claim: Claim, outcome: Rejected | Unknown) -> bool:
        verdict = await self.facilitator.verify(claim) if isinstance(outcome, Unknown) else outcome
        return isinstance(verdict, Rejected) and verdict.used

    @asynccontextmanager
    async def _renewing(self, payment: PaymentRecord) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_repeatedly, partial(self._payments.renew, payment))
            yield
            tasks.cancel_scope.cancel()

    def _failed(self, proof: PaymentPayload, sale: Sale, why: Rejected | Unknown) -> ApiError:
        if isinstance(why, Unknown):
            return pending(why.reason)
        message = f"The payment was refused ({why.reason}) and bought nothing."
        return PaymentRequiredError(sale, self.payee, why.reason, message, proof)

    def _note(self, proof: PaymentPayload, outcome: Outcome, detail: str) -> None:
        """Payer and nonce are public on the chain; signature and payment-identifier are never logged."""
        money, what = "PLAY MONEY payment" if self.payee.facilitator == "play" else "payment", WORDS[type(outcome)]
        _log.info("%s %s: payer %s nonce %s (%s)", money, what, proof.payer, proof.nonce, quoted(detail))


def of_proof(error: ApiError) -> bool:
    """Whether it refuses a proof or a token that somebody showed."""
    shown = isinstance(error, PaymentRequiredError) and error.proof is not None
    return shown or error.code in {"invalid_payment", "payment_conflict", "invalid_token"}


async def _repeatedly(renew: Callable[[], None]) -> None:
    while True:
        await anyio.sleep(RENEW_SECONDS)
        try:
            await to_thread.run_sync(renew)
        except SQLAlchemyError:
            # At worst another worker tries to settle too, which the chain allows only once.
            _log.exception("a settlement's lease could not be renewed")


def _bound(payment: PaymentRecord, proof: PaymentPayload, sale: Sale) -> PaymentRecord:
    """The same answer needs the same proof, payment-identifier (which is not on the chain) and product."""
    if payment.fingerprint != proof.fingerprint:
        raise ApiError("payment_conflict", "Another proof with this payer and nonce is already known here.")
    if payment.identifier_hash is not None and payment.identifier_hash != proof.identifier_hash:
        raise ApiError(
            "payment_conflict",
            "This payment first came with a payment-identifier; send the proof with the same id.",
        )
    if payment.product != sale.product:
        raise ApiError(
            "payment_conflict", "This payment was already used for something else here; a payment buys only one thing."
        )
    return payment


def pending(reason: str) -> ApiError:
    return ApiError(
        "payment_pending",
        f"The outcome of this payment is not known yet ({reason}). Send this request again with the same proof, "
        "never with a new one: it is charged only once.",
        retry_after=RETRY_AFTER,
    )
