"""The uploader of io42: an image is checked, its fee paid once, and the file put to the URL that the fee bought.

The journal records each step, so that the same call goes on after a crash: the proof before it is sent, the URL when
it arrives, and the upload before its first byte is sent. A dead URL is requested again with the same proof. A fee
belongs to one file for one submission, and is never paid twice.
"""

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from urllib.parse import urlsplit

import anyio
from anyio.to_thread import run_sync

from img402_mcp.client.apis.base import on_sent
from img402_mcp.client.apis.io42 import Io42, SubmissionTarget, by_code, code_in
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import Request, Response, Tries, retrying
from img402_mcp.client.io42_fees import PaymentWatch, demand_first, fee_policy, fee_wallet, next_step, no_url
from img402_mcp.client.payments import payment_required
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.payer import Approve, Payer, origin_of
from img402_mcp.client.payments.payment import Payment, PaymentIntent, State
from img402_mcp.client.payments.payment_required import PaymentRequirements
from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.client.ssrf_guard import SsrfGuard
from img402_mcp.client.upload import DEFAULT_OPTIONS, Progress, Uploader, UploadOptions
from img402_mcp.errors import (
    BadAnswer,
    Img402Error,
    NotReached,
    PaymentPending,
    SettingsError,
    UploadFailed,
    UploadRejected,
)
from img402_mcp.wire.io42 import MAX_BYTES, MEDIA_TYPES, Slot

# A URL should still be valid when the last byte arrives.
MIN_URL_LIFE = 30
_EXISTS = "SUBMISSION_ALREADY_EXISTS"


@dataclass(frozen=True)
class Submitted:
    submission: SubmissionTarget
    image: Image
    media_file_id: str
    """io42's id of the file; empty if its answer was lost."""
    fee: int
    """In atomic units of USDC."""
    transaction: str
    reused: bool = False
    """An earlier call delivered it."""


@dataclass(frozen=True)
class Job:
    submission: SubmissionTarget
    image: Image
    request: Request
    intent: PaymentIntent


@dataclass(frozen=True)
class Grant:
    """A URL to put the file to, or None if the file is already there."""

    slot: Slot | None
    payment: Payment | None


@dataclass(frozen=True)
class Io42Submitter:
    uploader: Uploader
    service: Io42
    payer: Payer
    named: SsrfGuard

    async def submit(
        self,
        submission: SubmissionTarget,
        path: str | Image,
        progress: Progress | None = None,
        approve: Approve | None = None,
        options: UploadOptions = DEFAULT_OPTIONS,
    ) -> Submitted:
        """Pays at most one fee. Raises ReadRefused, PaymentRefused, PaymentPending, UploadRejected, UploadFailed."""
        job = await self.job(submission, path, options)
        if finished := await run_sync(self.payer.journal.finished, job.intent):
            return _submitted(job, finished, reused=True)
        return await self._carried_out(job, progress, approve)

    async def job(
        self, submission: SubmissionTarget, path: str | Image, options: UploadOptions = DEFAULT_OPTIONS
    ) -> Job:
        """Checks everything that can be refused without asking the API. Raises ReadRefused."""
        read = await self.uploader.read(path, exact=True, fit=options.fit)
        image = await self.uploader.fitting_taken(read, MAX_BYTES, options, MEDIA_TYPES)
        self.service.demand_fits(image)
        request = self.service.request(image, submission)
        intent = PaymentIntent(origin_of(request.url), urlsplit(request.url).path, image.source)
        return Job(submission, image, request, intent)

    async def fee(
        self, submission: SubmissionTarget, path: str, options: UploadOptions = DEFAULT_OPTIONS
    ) -> int | None:
        """The price that would be paid now, in atomic units; None if nothing would be paid. Pays nothing."""
        job = await self.job(submission, path, options)
        if await run_sync(self.payer.journal.existing, job.intent):
            return None
        answer = by_code(await self.payer.send(job.request))
        offers = payment_required.read(answer).offers if answer.status == 402 else ()
        return min((offer.amount for offer in offers), default=None)

    def _approving(self, approve: Approve | None) -> Approve:
        """Before a signature: no second fee for the same submission, with any file."""

        async def approve_first_fee(offer: PaymentRequirements, intent: PaymentIntent) -> bool:
            demand_first(await run_sync(self.payer.journal.of_other_files, intent))
            return approve is None or await approve(offer, intent)

        return approve_first_fee

    async def _carried_out(self, job: Job, progress: Progress | None, approve: Approve | None) -> Submitted:
        """A URL may be dead, or used by a call that was cut off: then the same proof shows the outcome."""
        reusable = await self._reusable_grant(job)
        grant = reusable or await self._request_grant(job, approve)
        try:
            answer, in_doubt = await self._put(job, grant, progress)
        except (BadAnswer, NotReached):
            if reusable is None:
                raise
            grant = await self._request_grant(job, approve)  # a URL that leads nowhere is not kept until it expires
            answer, in_doubt = await self._put(job, grant, progress)
        if answer is not None and 300 <= answer.status < 500:  # not for a 5xx: that URL may still work
            grant = await self._request_grant(job, approve, sent=in_doubt)
            answer, _ = await self._put(job, grant, progress)
        if answer is None or answer.is_success:
            return await self._finished(job, grant)
        raise UploadFailed(
            f"The storage that {urlsplit(job.intent.origin).netloc} named does not accept the file (status "
            f"{answer.status}). {next_step(grant.payment)}"
        )

    async def _reusable_grant(self, job: Job) -> Grant | None:
        payment = await run_sync(self.payer.journal.existing, job.intent)
        slot = self._slot_of(payment, job)
        alive = slot is not None and slot.expires_at.timestamp() > self.payer.now() + MIN_URL_LIFE
        return Grant(slot, payment) if alive else None

    def _slot_of(self, payment: Payment | None, job: Job) -> Slot | None:
        if payment is None or payment.answer is None:
            return None
        try:
            return self.service.slot_in(Response(200, {}, payment.answer), job.submission)
        except Img402Error:
            return None

    async def _request_grant(self, job: Job, approve: Approve | None, *, sent: bool = False) -> Grant:
        watch = PaymentWatch(self.payer.send, job.request.url)
        payer = replace(self.payer, send=watch.send, approve=self._approving(approve), check_others=demand_first)
        try:
            answer, payment = await payer.paid(job.request, job.intent)
        except PaymentPending as error:
            raise self._pending(error, watch.last, await run_sync(self.payer.journal.existing, job.intent)) from error
        if payment is not None and payment.state is State.USED:
            return Grant(None, payment)
        return self._judged(job, watch.last or answer, payment, sent=sent)

    def _judged(self, job: Job, last: Response, payment: Payment | None, *, sent: bool) -> Grant:
        """`last` is the API's last answer; the journal may have an earlier, better one."""
        if code_in(last) == _EXISTS and (sent or (payment is not None and payment.put_at is not None)):
            return Grant(None, payment)
        try:
            return Grant(self.service.slot_in(last, job.submission), payment)
        except (UploadRejected, UploadFailed) as error:
            if payment is None:
                raise
            raise self._failed_after_payment(error, last, payment) from error

    def _pending(self, error: PaymentPending, last: Response | None, payment: Payment | None) -> PaymentPending:
        if last is None or payment is None or last.status != 402:
            return error
        return PaymentPending(f"{no_url(payment, 'answers the same payment with another 402')} {error}")

    def _failed_after_payment(
        self, error: UploadRejected | UploadFailed, last: Response, payment: Payment
    ) -> UploadRejected | UploadFailed | PaymentPending:
        if code_in(last) == _EXISTS:
            message = f"{no_url(payment, 'says that a submission exists')} {error}"
            return UploadRejected(message, code=_EXISTS)
        if last.status == 402:
            return PaymentPending(f"{no_url(payment, 'answers the same payment with another 402')} {error}")
        return error.adding(next_step(payment))

    async def _put(self, job: Job, grant: Grant, progress: Progress | None) -> tuple[Response | None, bool]:
        """The answer, and whether an earlier try may have delivered the file after all.

        Recorded before the first byte is sent. The same bytes may be sent again: they are the same file.
        """
        if grant.slot is None:
            return None, False
        payment, request = grant.payment, self.service.put(grant.slot, job.image, on_sent(job.image, progress))
        tries = Tries(in_doubt=payment is not None and payment.put_at is not None)
        try:
            send = retrying(tries.watching(await self.named.sender(request.url)), self.payer.pause)
            if payment is not None:
                await run_sync(self.payer.journal.put_begins, payment.nonce, self.payer.now())
            return await send(request), tries.in_doubt
        except UploadFailed as error:
            raise error.adding(next_step(payment)) from error
        finally:
            if payment is not None and tries.made and not tries.in_doubt:
                with anyio.CancelScope(shield=True):
                    await run_sync(self.payer.journal.put_refused, payment.nonce)

    async def _finished(self, job: Job, grant: Grant) -> Submitted:
        payment = grant.payment
        if payment is None:
            return Submitted(job.submission, job.image, _media_file_id(grant.slot), 0, "")
        if payment.state is State.USED:
            return _submitted(job, payment, reused=True)
        slot = grant.slot or self._slot_of(payment, job)
        result = json.dumps({"mediaFileId": _media_file_id(slot)})
        used = await run_sync(self.payer.journal.used, payment.nonce, self.payer.now(), result)
        return _submitted(job, used)


@contextmanager
def open_io42_submitter(uploader: Uploader) -> Iterator[Io42Submitter]:
    """Also without a wallet, since free submissions need none. Raises SettingsError if the journal cannot be opened."""
    io42, money = uploader.settings.of(Io42Settings), uploader.settings.money
    if io42 is None:
        raise SettingsError("io42 is not configured: set IMG402_IO42_KEY.")
    with closing(Journal.open(uploader.settings.state_dir)) as journal:
        wallet = cache(partial(fee_wallet, money))
        payer = Payer(wallet, journal, fee_policy(io42, money), uploader.send, rpc_url=money.rpc_url)
        service = Io42(io42.url, io42.key, io42.forwarded_for)
        yield Io42Submitter(uploader, service, payer, SsrfGuard(io42.url, uploader.transport))


def _media_file_id(slot: Slot | None) -> str:
    """Empty where the answer was lost or names something that cannot be shown: the file is delivered all the same."""
    return slot.media_file_id if slot and re.fullmatch(r"[!-~]{1,128}", slot.media_file_id) else ""


def _submitted(job: Job, payment: Payment, *, reused: bool = False) -> Submitted:
    media_file_id = json.loads(payment.result or "{}").get("mediaFileId", "")
    return Submitted(job.submission, job.image, media_file_id, payment.amount, payment.settlement, reused)
