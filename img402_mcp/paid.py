"""The paid corridor: an image is checked, then paid for once, then uploaded, and the journal knows each step.

Two doors lead to one purchase: a token first and the upload with it, or the payment on the upload itself (inline).
What a file's bytes were bought once stays bought: the same file again gets the image of then, while that lives.
"""

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from urllib.parse import urlsplit

from anyio.to_thread import run_sync

from img402_mcp.config import HOSTED_API, Money, WalletSource
from img402_mcp.errors import (
    AnswerLost,
    BadAnswer,
    PaymentPending,
    PaymentRefused,
    SettingsError,
    TokenRefused,
    UploadFailed,
)
from img402_mcp.images.reading import Image
from img402_mcp.payments import challenge
from img402_mcp.payments.budget import DAY, Policy
from img402_mcp.payments.challenge import Offer
from img402_mcp.payments.journal import Intention, Journal, Payment, State
from img402_mcp.payments.paying import Approve, Payer, origin_of
from img402_mcp.payments.wallet import Wallet
from img402_mcp.sending import Answer, Request, Send
from img402_mcp.services.base import Receipt
from img402_mcp.services.img402 import DOCUMENTED_PAID_BYTES, Token
from img402_mcp.upload import Corridor, Progress, Upload, reported, uploaded
from img402_mcp.wire import img402 as wire
from img402_mcp.wire.x402 import usdc


@dataclass(frozen=True)
class Asked:
    """What the API asks for one paid upload, for whoever pays by other means. `amount` is decimal USDC."""

    endpoint: str
    amount: str
    network: str
    asset: str
    pay_to: str
    offer: Offer


@dataclass(frozen=True)
class Issued:
    """A token, just bought or bought before and still unused."""

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


async def asked(corridor: Corridor) -> Asked:
    """Reads the 402 of the token route; pays nothing. Raises UploadFailed, UploadRejected, PaymentRefused."""
    request = corridor.service.token_request()
    answer = await corridor.send(request)
    if answer.status != 402:
        corridor.service.token_in(answer)
        raise BadAnswer(f"{urlsplit(request.url).netloc} gives tokens without asking for a payment; upload_paid works.")
    offers = challenge.read(answer)
    if not offers.offers:
        raise PaymentRefused(f"What is asked there can't be paid from here: {'; '.join(offers.skipped[:3])}.")
    offer = min(offers.offers, key=lambda each: each.amount)
    return Asked(request.url, usdc(offer.amount), offer.network.name, offer.network.usdc, offer.pay_to, offer)


async def with_foreign_token(corridor: Corridor, path: str, token: str, progress: Progress | None = None) -> Upload:
    """An upload with a token that was paid for elsewhere. Buys nothing, whatever happens."""
    image = await corridor.read(path)
    watch = _Watch(corridor.send)
    try:
        receipt = await corridor.service.upload_with_token(image, token, reported(watch.send, image, progress))
    except (TokenRefused, UploadFailed) as error:
        raise _maybe_delivered(error, in_doubt=watch.in_doubt) from error
    return uploaded(image, receipt)


@dataclass(frozen=True)
class _Purchase:
    """`renewing`: the finished payment of this intention whose image is gone."""

    image: Image
    intention: Intention
    renewing: str | None
    progress: Progress | None
    approve: Approve | None


@dataclass(frozen=True)
class PaidCorridor:
    corridor: Corridor
    payer: Payer
    flow: str = "token"

    async def token(self, approve: Approve | None = None) -> Issued | Receipt:
        """A live token; or the image, where the API says that this payment has bought one already.

        Raises PaymentRefused, PaymentPending, UploadRejected, UploadFailed.
        """
        intention = Intention(self._origin, wire.TOKEN)
        if live := await run_sync(self.payer.journal.live_token, intention, self.payer.now()):
            return Issued(_token_of(live), reused=True)
        standing = await run_sync(self.payer.journal.standing, intention)
        outcome, _ = await self._bought(intention, approve)
        return outcome if isinstance(outcome, Receipt) else Issued(outcome, reused=standing is not None)

    async def upload(self, path: str, progress: Progress | None = None, approve: Approve | None = None) -> Upload:
        """One payment at most for this file's bytes, whatever happens and however often it is called."""
        image = await self.corridor.read(path)
        source = hashlib.sha256(image.data).hexdigest()
        route = await self._route(source)
        intention = Intention(self._origin, route, source)
        finished = await run_sync(self.payer.journal.finished, intention)
        if finished and (receipt := self._alive(finished)):
            return uploaded(image, receipt, reused=True)
        purchase = _Purchase(image, intention, finished.nonce if finished else None, progress, approve)
        if not await run_sync(self.payer.journal.standing, intention, purchase.renewing):
            await self._demand_fits(image)
        buy = self._by_token if route == wire.TOKEN else self._inline
        return uploaded(image, await buy(purchase))

    async def upload_with_token(self, path: str, token: str, progress: Progress | None = None) -> Upload:
        """Where the token was bought here, its payment's proof fetches the image that a lost answer held back."""
        payment = await run_sync(self.payer.journal.payment_of_token, token)
        if payment is None:
            return await with_foreign_token(self.corridor, path, token, progress)
        image = await self.corridor.read(path)
        try:
            receipt = await self._redeemed(image, Token(token, _expiry(payment)), payment, progress)
        except TokenRefused:
            if payment.state is State.USED:
                raise
            receipt = await self._by_proof(image, payment, progress)
        return uploaded(image, receipt)

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

    @property
    def _origin(self) -> str:
        return origin_of(self.corridor.settings.api_url)

    async def _route(self, source: str) -> str:
        """The door that the settings name, unless a payment for this file already stands at the other."""
        doors = (wire.TOKEN, wire.PAID) if self.flow == "token" else (wire.PAID, wire.TOKEN)
        for route in doors:
            if await run_sync(self.payer.journal.standing, Intention(self._origin, route, source)):
                return route
        return doors[0]

    def _alive(self, finished: Payment) -> Receipt | None:
        receipt = self.corridor.service.receipt_in(finished.result or "")
        expiry = receipt.expires_at
        return receipt if expiry is None or expiry.timestamp() > self.payer.now() else None

    async def _demand_fits(self, image: Image) -> None:
        """Before money moves: the limit that the API states, else the newest documented one."""
        try:
            stated = await self.corridor.service.limits(self.corridor.send)
        except UploadFailed:
            stated = None
        limit = stated.paid.max_bytes if stated and stated.paid else None
        if limit is None and self.corridor.settings.api_url == HOSTED_API:
            limit = DOCUMENTED_PAID_BYTES
        if limit is not None and len(image.data) > limit:
            raise PaymentRefused(
                f"The image has {len(image.data):,} bytes and {urlsplit(self._origin).netloc} takes at most {limit:,} "
                "for a paid upload; nothing was paid. Make it smaller: crop, scale down, or save it as WebP or JPEG."
            )

    async def _by_token(self, purchase: _Purchase) -> Receipt:
        """A token may run out, or its first answer be lost: then the same proof tells what became of it."""
        for _ in range(2):
            outcome, payment = await self._bought(purchase.intention, purchase.approve, purchase.renewing)
            if isinstance(outcome, Receipt):
                return outcome
            try:
                return await self._redeemed(purchase.image, outcome, payment, purchase.progress)
            except TokenRefused as error:
                refusal = error
        raise PaymentPending(
            f"A token was paid for (nonce {payment.nonce if payment else 'none'}), but the API does not take it: "
            f"{refusal} Nothing more is paid for this file: call again later, and the same payment is used."
        )

    async def _inline(self, purchase: _Purchase) -> Receipt:
        service, payer = self.corridor.service, self._payer(purchase.approve)
        paid: list[Payment | None] = []

        async def paying(request: Request) -> Answer:
            probe = service.inline_probe()
            answer, payment = await payer.paid(request, purchase.intention, probe=probe, renewing=purchase.renewing)
            paid.append(payment)
            return answer

        image = purchase.image
        receipt = await service.upload_inline(image, reported(paying, image, purchase.progress))
        await self._finished(paid[-1], receipt)
        return receipt

    async def _by_proof(self, image: Image, payment: Payment, progress: Progress | None) -> Receipt:
        outcome, latest = await self._bought(payment.intention, None)
        if isinstance(outcome, Token):
            return await self._redeemed(image, outcome, latest, progress)
        if outcome.size_bytes not in {0, len(image.data)}:
            raise TokenRefused(
                f"This token was used for another image, {outcome.url}. Get a new one with get_upload_token.",
                code="invalid_token",
            )
        return outcome

    async def _bought(
        self, intention: Intention, approve: Approve | None, renewing: str | None = None
    ) -> tuple[Token | Receipt, Payment | None]:
        """What the payment of this intention buys now, on disk before anyone sees it."""
        service, journal = self.corridor.service, self.payer.journal
        answer, payment = await self._payer(approve).paid(service.token_request(), intention, renewing=renewing)
        outcome = service.token_in(answer)
        if isinstance(outcome, Receipt):
            await self._finished(payment, outcome)
        elif payment is not None:
            write = partial(journal.token_received, token=outcome.value, expires_at=outcome.expires_at.timestamp())
            await run_sync(write, payment.nonce, self.payer.now())
        return outcome, payment

    async def _redeemed(
        self, image: Image, token: Token, payment: Payment | None, progress: Progress | None
    ) -> Receipt:
        send = reported(self.corridor.send, image, progress)
        receipt = await self.corridor.service.upload_with_token(image, token.value, send)
        await self._finished(payment, receipt)
        return receipt

    async def _finished(self, payment: Payment | None, receipt: Receipt) -> None:
        if payment is not None and payment.state is not State.USED:
            await run_sync(self.payer.journal.used, payment.nonce, self.payer.now(), _document(receipt))

    def _payer(self, approve: Approve | None) -> Payer:
        return replace(self.payer, approve=approve) if approve else self.payer


@contextmanager
def open_paid(corridor: Corridor) -> Iterator[PaidCorridor]:
    """Raises SettingsError where the journal cannot be opened. The wallet is unlocked at its first use."""
    money = corridor.settings.money
    if money.wallet is None:
        raise SettingsError("No wallet is set: name it with IMG402_WALLET_FILE, or make one with `wallet new FILE`.")
    with closing(Journal.open(corridor.settings.state_dir)) as journal:
        wallet = cache(partial(unlocked, money.wallet))
        payer = Payer(wallet, journal, _policy(money), corridor.send, rpc_url=money.rpc_url)
        yield PaidCorridor(corridor, payer, money.flow)


def _policy(money: Money) -> Policy:
    return Policy(money.max_payment, money.daily_budget, money.networks, money.pay_to)


def unlocked(source: WalletSource) -> Wallet:
    if source.file is not None:
        return Wallet.from_keystore(source.file, source.password or "")
    return Wallet.from_key(source.key or "")


@dataclass
class _Watch:
    """Remembers whether an answer was lost on the way."""

    _send: Send
    in_doubt: bool = False

    async def send(self, request: Request) -> Answer:
        try:
            answer = await self._send(request)
        except (AnswerLost, BadAnswer):
            self.in_doubt = True
            raise
        self.in_doubt = self.in_doubt or answer.status >= 500
        return answer


def _maybe_delivered(error: TokenRefused | UploadFailed, *, in_doubt: bool) -> TokenRefused | UploadFailed:
    if not in_doubt:
        return error
    told = (
        f"{error} An answer was lost before: the image may be delivered, under a URL that only its payer can ask for."
    )
    if isinstance(error, TokenRefused):
        return TokenRefused(f"{told} Nothing was bought.", code=error.code)
    return UploadFailed(f"{told} Make the same call again with the same token; nothing is bought.")


def _token_of(payment: Payment) -> Token:
    return Token(payment.token or "", _expiry(payment))


def _expiry(payment: Payment) -> datetime:
    return datetime.fromtimestamp(payment.token_expires_at or 0, UTC)


def _document(receipt: Receipt) -> str:
    """The receipt as the API itself would answer it."""
    return wire.Uploaded(
        url=receipt.url,
        id=receipt.id,
        content_type=receipt.content_type,
        size_bytes=receipt.size_bytes,
        expires_at=receipt.expires_at,
    ).model_dump_json(by_alias=True)
