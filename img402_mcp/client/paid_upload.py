"""The paid uploader: an image is checked, then paid for once, then uploaded, and the journal records each step. There
are two ways to one purchase: a token and then the upload with it, or the payment with the upload itself (inline). A
purchase for a file stays valid: the same file gets the same image again, while it lives.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from urllib.parse import urlsplit

from anyio.to_thread import run_sync

from img402_mcp.caller import worded
from img402_mcp.client.apis.base import Receipt, on_sent
from img402_mcp.client.apis.img402 import Token
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import Request, Response
from img402_mcp.client.paid_image import (
    document,
    ready_to_pay,
    reused,
    token_expiry,
    token_of,
    used_elsewhere,
    with_payment,
)
from img402_mcp.client.payments.budget import DAY, Policy
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.messages import what
from img402_mcp.client.payments.payer import Approve, Payer, origin_of
from img402_mcp.client.payments.payment import Payment, PaymentIntent, State
from img402_mcp.client.payments.wallet import unlocked
from img402_mcp.client.reuse import PAID
from img402_mcp.client.token_upload import fitting_for_token, with_foreign_token
from img402_mcp.client.upload import DEFAULT_OPTIONS, Progress, Upload, Uploader, UploadOptions
from img402_mcp.errors import PaymentPending, ReadRefused, SettingsError, TokenRefused, UploadFailed, UploadRejected
from img402_mcp.wire import img402 as wire


@dataclass(frozen=True)
class Issued:
    """A token that was just bought, or was bought before and is still unused."""

    token: Token
    reused: bool


@dataclass(frozen=True)
class Status:
    address: str
    networks: tuple[str, ...]
    spent_today: int
    spent_in_all: int
    left_today: int
    open: tuple[Payment, ...]


@dataclass(frozen=True)
class _Purchase:
    """`renewing`: the finished payment of this intent whose image is gone."""

    image: Image
    intent: PaymentIntent
    renewing: str | None
    progress: Progress | None
    approve: Approve | None


@dataclass(frozen=True)
class PaidUploader:
    uploader: Uploader
    payer: Payer
    flow: str = "token"

    async def token(self, approve: Approve | None = None) -> Issued | Receipt:
        """A valid token; or the image, if the API says that this payment has already bought one.

        Raises PaymentRefused, PaymentPending, UploadRejected, UploadFailed.
        """
        if live := await self.live_token():
            return Issued(token_of(live), reused=True)
        intent = self._intent(wire.TOKEN)
        existing = await run_sync(self.payer.journal.existing, intent)
        outcome, _ = await self._bought(intent, approve)
        return outcome if isinstance(outcome, Receipt) else Issued(outcome, reused=existing is not None)

    async def live_token(self) -> Payment | None:
        return await run_sync(self.payer.journal.live_token, self._intent(wire.TOKEN), self.payer.now())

    async def upload(
        self,
        path: str | Image,
        progress: Progress | None = None,
        approve: Approve | None = None,
        options: UploadOptions = DEFAULT_OPTIONS,
    ) -> Upload:
        """Pays at most once for this file's bytes, however often it is called."""
        image, journal = await self.uploader.read(path, exact=True, fit=options.fit), self.payer.journal
        intent = self._intent(wire.PAID, image.source)
        finished = await run_sync(journal.finished, intent)
        if finished and self._alive(finished):
            return await reused(self.uploader, image, finished, options)
        if not finished:
            await run_sync(journal.take_spare, intent)
        renewing = finished.nonce if finished else None
        existing = await run_sync(journal.existing, intent, renewing)
        image = await ready_to_pay(self.uploader, image, options, paid=existing is not None)
        purchase = _Purchase(image, intent, renewing, progress, approve)
        inline = existing.url == self.uploader.service.inline_probe().url if existing else self.flow == "inline"
        receipt = await (self._inline(purchase) if inline else self._by_token(purchase))
        used = await run_sync(journal.finished, intent)
        return await self.uploader.complete(image, receipt, options, PAID, used.amount if used else 0)

    async def upload_with_token(
        self, path: str, token: str, progress: Progress | None = None, options: UploadOptions = DEFAULT_OPTIONS
    ) -> Upload:
        """Buys nothing. If the token was bought here and the answer is lost, its payment's proof fetches the image."""
        journal = self.payer.journal
        payment = await run_sync(journal.payment_of_token, token)
        if payment is None:
            return await with_foreign_token(self.uploader, path, token, progress, options)
        image = await self.uploader.read(path, exact=True, fit=options.fit)
        payment = await run_sync(journal.redeem_begins, payment.nonce, image.source)
        if payment.redeemed != image.source:
            raise used_elsewhere()
        if payment.state is State.USED:
            return await reused(self.uploader, image, payment, options)
        try:
            image = await fitting_for_token(self.uploader, image, options)
            receipt = await self._redeemed(image, Token(token, token_expiry(payment)), payment, progress)
        except TokenRefused:
            receipt = await self._by_proof(image, payment, progress)
        except (ReadRefused, UploadRejected):
            await run_sync(journal.redeem_refused, payment.nonce, image.source)
            raise
        return await self.uploader.complete(image, receipt, options, PAID, payment.amount)

    async def status(self) -> Status:
        """Never signs."""
        journal, now = self.payer.journal, self.payer.now()
        wallet = await run_sync(self.payer.wallet)
        today = await run_sync(journal.spent, now - DAY)
        return Status(
            address=wallet.address,
            networks=self.payer.policy.networks,
            spent_today=today,
            spent_in_all=await run_sync(journal.spent),
            left_today=max(self.payer.policy.daily_budget - today, 0),
            open=tuple(await run_sync(journal.open_payments)),
        )

    def _intent(self, route: str, source: str = "") -> PaymentIntent:
        """The same for both ways, so that they lead to one purchase."""
        api = self.uploader.settings.api_url
        return PaymentIntent(origin_of(api), urlsplit(api).path + route, source)

    def _alive(self, finished: Payment) -> Receipt | None:
        receipt = self.uploader.service.receipt_in(finished.result or "")
        expiry = receipt.expires_at
        return receipt if expiry is None or expiry.timestamp() > self.payer.now() else None

    async def _by_token(self, purchase: _Purchase) -> Receipt:
        """A token may expire, or its first answer may be lost: then the same proof shows the outcome."""
        for _ in range(2):
            outcome, payment = await self._bought(purchase.intent, purchase.approve, purchase.renewing)
            if isinstance(outcome, Receipt):
                return outcome
            try:
                return await self._redeemed(purchase.image, outcome, payment, purchase.progress)
            except TokenRefused as error:
                refusal = error
            except UploadRejected as error:
                raise await self._make_spare(error, payment) from error
            except UploadFailed as error:
                raise with_payment(error, payment) from error
        raise PaymentPending(
            f"A token was paid for ({what(payment) if payment else 'by nobody'}), but the API does not accept it "
            f"({refusal.code}). Nothing more is paid for this file: make the same call again later, and the same "
            "payment is used."
        )

    async def _make_spare(self, error: UploadRejected, payment: Payment | None) -> UploadRejected:
        """A payment for a file that the API then refuses is used for the next file."""
        if payment is None:
            return error
        await run_sync(self.payer.journal.make_spare, payment.nonce)
        following = worded(tool="upload_paid", command="`img402-mcp upload --paid`")
        return error.adding(
            f"A token was paid for already ({what(payment)}): the next {following} uses it and pays nothing more."
        )

    async def _inline(self, purchase: _Purchase) -> Receipt:
        service, payer = self.uploader.service, self._payer(purchase.approve)
        paid: list[Payment | None] = [None]

        async def paying(request: Request) -> Response:
            probe = service.inline_probe()
            answer, payment = await payer.paid(request, purchase.intent, probe=probe, renewing=purchase.renewing)
            paid.append(payment)
            return answer

        image = purchase.image
        try:
            receipt = await service.upload_inline(image, paying, on_sent(image, purchase.progress))
        except (UploadFailed, UploadRejected) as error:
            raise with_payment(error, paid[-1]) from error
        await self._finished(paid[-1], receipt, image)
        return receipt

    async def _by_proof(self, image: Image, payment: Payment, progress: Progress | None) -> Receipt:
        """Goes on with this one payment; never makes another."""
        outcome, latest = await self._granted(*await self.payer.again(self.uploader.service.token_request(), payment))
        if isinstance(outcome, Token):
            return await self._redeemed(image, outcome, latest, progress)
        if outcome.size_bytes != len(image.data):
            raise TokenRefused(
                f"This token bought the image {outcome.url}, of {outcome.size_bytes:,} bytes, and this call would send "
                f"{len(image.data):,}: it was used for another file, or for this one prepared in a different way "
                "(scrub, fit). Look at that image before you buy another.",
                code="invalid_token",
            )
        return outcome

    async def _bought(
        self, intent: PaymentIntent, approve: Approve | None, renewing: str | None = None
    ) -> tuple[Token | Receipt, Payment | None]:
        """The current result of this intent's payment. It is on disk before anyone sees it."""
        request = self.uploader.service.token_request()
        return await self._granted(*await self._payer(approve).paid(request, intent, renewing=renewing))

    async def _granted(self, answer: Response, payment: Payment | None) -> tuple[Token | Receipt, Payment | None]:
        journal = self.payer.journal
        try:
            outcome = self.uploader.service.token_in(answer)
        except (UploadFailed, UploadRejected) as error:
            raise with_payment(error, payment) from error
        if isinstance(outcome, Receipt):
            await self._finished(payment, outcome)
        elif payment is not None:
            write = partial(journal.token_received, token=outcome.value, expires_at=outcome.expires_at.timestamp())
            await run_sync(write, payment.nonce, self.payer.now())
        return outcome, payment

    async def _redeemed(
        self, image: Image, token: Token, payment: Payment | None, progress: Progress | None
    ) -> Receipt:
        service, send = self.uploader.service, self.uploader.send
        receipt = await service.upload_with_token(image, token.value, send, on_sent(image, progress))
        await self._finished(payment, receipt, image)
        return receipt

    async def _finished(self, payment: Payment | None, receipt: Receipt, image: Image | None = None) -> None:
        if payment is not None and payment.state is not State.USED:
            await run_sync(self.payer.journal.used, payment.nonce, self.payer.now(), document(receipt, image))

    def _payer(self, approve: Approve | None) -> Payer:
        return replace(self.payer, approve=approve) if approve else self.payer


@contextmanager
def open_paid_uploader(uploader: Uploader) -> Iterator[PaidUploader]:
    """Raises SettingsError if the journal cannot be opened. The wallet is unlocked at its first use."""
    money = uploader.settings.money
    if money.wallet is None:
        raise SettingsError(
            "No wallet is set: name it with IMG402_WALLET_FILE, or make one with `img402-mcp wallet new FILE`."
        )
    with closing(Journal.open(uploader.settings.state_dir)) as journal:
        wallet = cache(partial(unlocked, money.wallet))
        policy = Policy(money.max_payment, money.daily_budget, money.networks, money.pay_to)
        payer = Payer(wallet, journal, policy, uploader.send, rpc_url=money.rpc_url)
        yield PaidUploader(uploader, payer, money.flow)
