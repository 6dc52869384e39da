"""io42, both wings joined in memory: MCP client -> tool -> wallet -> host -> upload URL -> file."""

import json
import logging
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp_types import CallToolResult, ElicitResult, TextContent

from img402_mcp.client.apis.io42 import SubmissionTarget
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.io42_submit import Io42Submitter, Submitted, open_io42_submitter
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.settings import Io42Settings, Money, Settings, WalletSource
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import Img402Error
from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.app import create_app, utc_now
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import host_settings
from img402_mcp.mcp_server.server import create_server

ERAS = pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
API = "http://localhost/api"
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
SELLING = {
    "IMG402_HOST_PAY_TO": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "IMG402_HOST_NETWORK": "base-sepolia",
    "IMG402_HOST_FACILITATOR": "play",
}
POST, PUT = "POST", "PUT"


@dataclass(frozen=True)
class Canned:
    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: object = None

    def response(self) -> httpx2.Response:
        stream = httpx2.ByteStream(json.dumps(self.body).encode())
        return httpx2.Response(self.status, headers=self.headers, stream=stream)


class Wire(httpx2.AsyncBaseTransport):
    """The way to the host. `mishaps`: what becomes of the next requests that the host carries out, by their method.

    None: nothing. "lost": the answer is lost after the host worked. "unreached": the host hears nothing. A Canned one
    stands in for the host's own; "delivered-" before a status: the host worked, and that status comes.
    """

    def __init__(self, app) -> None:
        self._inner = httpx2.ASGITransport(app=app)
        self.passed: list[tuple[str, int | str]] = []
        self.requests: list[httpx2.Request] = []
        self.proofs: set[str] = set()
        self.mishaps: dict[str, list[Any]] = {POST: [], PUT: []}

    async def handle_async_request(self, request):
        self.requests.append(request)
        proof = request.headers.get("payment-signature") or request.headers.get("x-payment")
        self.proofs |= {proof} if proof else set()
        waiting = self.mishaps.get(request.method, []) if proof or request.method == PUT else []
        mishap = waiting.pop(0) if waiting else None
        response = await self._carried_out(request, mishap)
        self.passed.append((request.method, response.status_code))
        return response

    async def _carried_out(self, request, mishap):
        if mishap == "unreached":
            self.passed.append((request.method, mishap))
            raise httpx2.ConnectError("unreached", request=request)
        if isinstance(mishap, Canned):
            return mishap.response()
        response = await self._inner.handle_async_request(request)
        if mishap == "lost":
            self.passed.append((request.method, mishap))
            raise httpx2.ReadError("lost", request=request)
        return Canned(int(mishap[10:])).response() if isinstance(mishap, str) else response


@dataclass
class Platform:
    register: Io42Accounts
    wire: Wire
    key: str
    folder: Path

    @property
    def delivered(self) -> list[str]:
        return [row["submission"] for row in self.register.submissions() if row["completed_at"]]

    @property
    def journal(self):
        return closing(Journal.open(self.folder / "state"))


@pytest.fixture
def folder():
    """In memory where that can be had: these tests need not wait for a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
async def platform(folder):
    settings = host_settings(SELLING, data=folder / "host", public_url="http://localhost")
    app = create_app(settings)
    database = Database(settings.database)
    register = Io42Accounts(database, utc_now)
    key = register.add_agent("painter")["key"]
    register.add_project("logos", "0.25", "open", "image")
    register.add_project("sketches", "0", "open", "image")
    for submission, project in (("sub_1", "logos"), ("sub_2", "logos"), ("sub_free", "sketches")):
        register.add_submission(submission, project, "painter")
    async with app.router.lifespan_context(app):
        yield Platform(register, Wire(app), key, folder)
    database.close()


@pytest.fixture
def picture(tmp_path, picture_of) -> Path:
    folder = tmp_path.resolve() / "pictures"
    folder.mkdir()
    (folder / "salary list.png").write_bytes(picture_of(120, 100))
    return folder / "salary list.png"


@asynccontextmanager
async def agent(platform: Platform, picture: Path, era: str = "2026-07-28", money=None, elicits=None, **changes: Any):
    purse: dict[str, Any] = {"wallet": WalletSource(key=KEY), "networks": ("base-sepolia",)}
    io42: dict[str, Any] = {"url": API, "key": platform.key, "max_fee": 250_000}
    settings = Settings(
        api_url="http://localhost",
        allow_dirs=(picture.parent,),
        named_state_dir=platform.folder / "state",
        money=Money(**(purse | (money or {}))),
        io42=Io42Settings(**(io42 | changes)),
    )
    server = create_server(settings, transport=platform.wire)
    async with Client(server, mode=era, elicitation_callback=elicits) as client:
        yield client


async def no_pause(seconds: float) -> None: ...


@asynccontextmanager
async def desk(platform: Platform, picture: Path, **payer: Any):
    """The uploader itself, without a model and without waiting."""
    settings = Settings(
        api_url="http://localhost",
        allow_dirs=(picture.parent,),
        named_state_dir=platform.folder / "state",
        money=Money(wallet=WalletSource(key=KEY), networks=("base-sepolia",)),
        io42=Io42Settings(API, platform.key, 250_000),
    )
    async with open_uploader(settings, Roots.resolve(settings.allow_dirs), platform.wire) as uploader:
        with open_io42_submitter(uploader, platform.wire) as submitting:
            yield replace(submitting, payer=replace(submitting.payer, pause=no_pause, **payer))


async def told(submitting: Io42Submitter, picture: Path, submission: str = "sub_1") -> Any:
    """What came of it: a Submitted, or the error's text."""
    try:
        return await submitting.submit(SubmissionTarget("logos", submission), str(picture))
    except Img402Error as error:
        return str(error)


async def submit(
    client, picture: Path, submission: str = "sub_1", project: str = "logos", **options: str
) -> CallToolResult:
    arguments = {"project_id": project, "submission_id": submission, "path": str(picture), **options}
    return await client.call_tool("submit_image", arguments)


def text(result: CallToolResult) -> str:
    (part,) = result.content
    assert isinstance(part, TextContent)
    return part.text


@ERAS
async def test_an_image_is_submitted_for_one_fee_and_the_same_call_again_does_nothing(era, platform, picture):
    async with agent(platform, picture, era) as client:
        first = await submit(client, picture)
        again = await submit(client, picture)
    assert not first.is_error, text(first)
    answer = first.structured_content
    assert answer == {
        "submission_id": "sub_1",
        "media_file_id": answer["media_file_id"],
        "fee_usdc": "0.25",
    }
    assert text(first) == (
        f"Submitted to project logos as sub_1, media file {answer['media_file_id']}: image/png, 120x100, "
        f"{picture.stat().st_size} bytes. The fee of 0.25 USDC was paid."
    )
    assert again.structured_content == answer | {"reused": True}
    assert text(again) == text(first) + " It was delivered before; nothing was paid or sent now."
    assert platform.wire.passed == [(POST, 402), (POST, 200), (PUT, 200)]
    assert (len(platform.wire.proofs), platform.delivered) == (1, ["sub_1"])


async def test_the_request_and_the_put_carry_just_what_they_must(platform, picture):
    async with agent(platform, picture, forwarded_for="203.0.113.9") as client:
        await submit(client, picture)
    _, paid, put = platform.wire.requests
    assert paid.headers["authorization"] == f"Bearer {platform.key}"
    assert paid.headers["x-forwarded-for"] == "203.0.113.9"
    assert put.headers["host"] == "localhost"
    assert str(put.url).startswith("http://127.0.0.1")
    assert {name: put.headers.get(name) for name in ("content-type", "content-length")} == {
        "content-type": "image/png",
        "content-length": str(picture.stat().st_size),
    }
    sent = json.dumps([dict(put.headers), str(put.url)])
    assert [secret for secret in (platform.key, *platform.wire.proofs, "203.0.113.9") if secret in sent] == []


async def test_the_name_that_the_api_gets_is_not_the_user_s(platform, picture):
    async with agent(platform, picture) as client:
        await submit(client, picture)
    (row,) = [row for row in platform.register.submissions() if row["completed_at"]]
    assert row["file_name"] == "sub_1.png"


async def test_what_costs_nothing_needs_no_wallet(platform, picture):
    async with agent(platform, picture, money={"wallet": None}) as client:
        free = await submit(client, picture, "sub_free", "sketches")
        fee = await submit(client, picture)
    assert free.structured_content["fee_usdc"] == "0"
    assert text(free).endswith("bytes. No fee was asked.")
    assert "A fee is asked and no wallet is set; nothing was signed. Name one with IMG402_WALLET_FILE" in text(fee)
    assert platform.delivered == ["sub_free"]


@pytest.mark.parametrize(
    ("changes", "money", "sentence"),
    [
        pytest.param(
            {"max_fee": 0}, {}, "at most 0 is allowed for one payment. IMG402_IO42_MAX_FEE changes", id="none"
        ),
        pytest.param({"max_fee": 249_999}, {}, "IMG402_IO42_MAX_FEE changes that.", id="too-dear"),
        pytest.param({"pay_to": "0x" + "11" * 20}, {}, "is expected (IMG402_IO42_PAY_TO)", id="payee"),
        pytest.param({}, {"daily_budget": 249_999}, "or change IMG402_DAILY_BUDGET.", id="day"),
        pytest.param({}, {"networks": ("base",)}, "IMG402_NETWORKS allows base.", id="network"),
    ],
)
async def test_invariant_5_a_fee_that_the_settings_do_not_allow_is_not_signed(
    changes, money, sentence, platform, picture
):
    async with agent(platform, picture, money=money, **changes) as client:
        result = await submit(client, picture)
    assert sentence in text(result)
    assert platform.wire.passed == [(POST, 402)]
    assert platform.wire.proofs == set()


async def test_a_payee_and_a_limit_of_img402_are_not_io42_s(platform, picture):
    async with agent(platform, picture, money={"max_payment": 1, "pay_to": "0x" + "11" * 20}) as client:
        assert not (await submit(client, picture)).is_error


@pytest.mark.parametrize(
    ("size", "project", "submission", "sentence"),
    [
        pytest.param((99, 100), "logos", "sub_1", "The image is 99x100 pixels, and io42 takes 100 to 2048", id="small"),
        pytest.param((100, 2049), "logos", "sub_1", "The image is 100x2049 pixels", id="large"),
        pytest.param((100, 100), "../x", "sub_1", 'project_id "../x" is no id', id="project"),
        pytest.param((100, 100), "logos", "a?b", 'submission_id "a?b" is no id', id="submission"),
        pytest.param((100, 100), "logos", "sub_1\n", r'submission_id "sub_1\n" is no id', id="newline"),
        pytest.param((100, 100), "logos", "", 'submission_id "" is no id', id="empty"),
        pytest.param((100, 100), "l" * 65, "sub_1", "is no id: io42's ids are up to 64 letters", id="long"),
    ],
)
async def test_what_would_be_refused_is_refused_before_anything_is_sent(
    size, project, submission, sentence, platform, picture, picture_of
):
    picture.write_bytes(picture_of(*size))
    async with agent(platform, picture) as client:
        result = await submit(client, picture, submission, project)
    assert sentence in text(result)
    assert platform.wire.passed == []


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        pytest.param("animated.gif", "The image is a GIF, and io42 takes PNG, JPEG, WebP.", id="gif"),
        pytest.param(20 * 1024 * 1024 + 1, "bytes, and io42 takes at most 20,971,520.", id="too-many-bytes"),
    ],
)
async def test_a_type_or_size_that_would_be_refused_costs_nothing(
    file, sentence, platform, picture, picture_of, sample
):
    picture.write_bytes(sample(file) if isinstance(file, str) else picture_of(100, 100, padding=file))
    async with agent(platform, picture) as client:
        result = await submit(client, picture, fit="never")
    assert sentence in text(result)
    assert platform.wire.passed == []


@pytest.mark.parametrize(
    ("posts", "puts", "calls"),
    [
        pytest.param(["lost"], [], 1, id="the-url-lost"),
        pytest.param(["unreached"], [], 1, id="the-payment-unreached"),
        pytest.param([], ["lost"], 1, id="the-put-s-answer-lost"),
        pytest.param([], ["unreached", "unreached"], 1, id="the-storage-unreached"),
        pytest.param([], ["unreached"] * 3, 2, id="the-storage-away-for-a-whole-call"),
        pytest.param([], [Canned(503)] * 3, 2, id="the-storage-failing-for-a-whole-call"),
        pytest.param([], ["delivered-500"], 1, id="the-put-delivered-with-a-500"),
        pytest.param([], ["lost"] * 3, 2, id="each-put-s-answer-lost"),
        pytest.param([], [Canned(403)], 1, id="a-dead-url"),
        pytest.param(["lost", "lost"], ["lost"], 1, id="everything-lost"),
        pytest.param([], [Canned(307, {"location": "http://localhost/x"})], 1, id="a-redirect"),
    ],
)
async def test_invariant_4_one_fee_and_one_file_whatever_is_lost(posts, puts, calls, platform, picture):
    platform.wire.mishaps = {POST: posts, PUT: puts}
    async with desk(platform, picture) as submitting:
        said = [await told(submitting, picture) for _ in range(calls)]
    assert isinstance(said[-1], Submitted), said[-1]
    assert all("ing more is paid for this file" in words for words in said[:-1])
    assert (len(platform.wire.proofs), platform.delivered) == (1, ["sub_1"])
    with platform.journal as journal:
        assert journal.spent() == 250_000


async def test_invariant_4_five_calls_at_once_pay_one_fee(platform, picture):
    said = []

    async def call(submitting):
        said.append(await told(submitting, picture))

    async with desk(platform, picture) as submitting, anyio.create_task_group() as calls:
        for _ in range(5):
            calls.start_soon(call, submitting)
    assert all(isinstance(each, Submitted) for each in said), said
    assert (len(platform.wire.proofs), platform.delivered) == (1, ["sub_1"])


async def test_a_url_that_came_before_is_used_while_it_lives_and_asked_for_again_after(platform, picture):
    platform.wire.mishaps[PUT] = [Canned(503)] * 6
    now = [utc_now().timestamp()]
    async with desk(platform, picture, now=lambda: now[0]) as submitting:
        await told(submitting, picture)
        await told(submitting, picture)
        now[0] += 1800
        last = await told(submitting, picture)
    assert isinstance(last, Submitted)
    assert platform.wire.passed == [(POST, 402), (POST, 200), *[(PUT, 503)] * 6, (POST, 200), (PUT, 200)]
    assert len(platform.wire.proofs) == 1


EXISTS = Canned(
    409, body={"success": False, "error": {"code": "SUBMISSION_ALREADY_EXISTS", "message": "already uploaded"}}
)
ASKED = Canned(402, body={"success": False, "error": {"code": "PAYMENT_FAILED", "message": "nonce used"}})


@pytest.mark.parametrize(
    ("posts", "beginning", "again"),
    [
        pytest.param(
            [EXISTS],
            "The fee may be paid, no upload URL was received, and the service says that a submission exists: "
            "0.25 USDC to localhost (nonce {nonce}, transaction not known). Nothing more is paid for this file.",
            'Its own words: "already uploaded"',
            id="exists",
        ),
        pytest.param(
            ["lost", *[ASKED] * 9],
            "The fee may be paid, no upload URL was received, and the service answers the same payment with another "
            "402: 0.25 USDC to localhost (nonce {nonce}, transaction not known). Nothing more is paid for this file.",
            "A payment of 0.25 USDC to localhost (nonce {nonce}) is under way",
            id="402-again",
        ),
    ],
)
async def test_a_fee_without_a_url_is_reported_with_what_is_known(posts, beginning, again, platform, picture):
    platform.wire.mishaps[POST] = posts
    async with desk(platform, picture) as submitting:
        said = await told(submitting, picture)
    with platform.journal as journal:
        (payment,) = journal.open_payments()
    assert said.startswith(beginning.format(nonce=payment.nonce))
    assert again.format(nonce=payment.nonce) in said
    assert platform.delivered == []


async def test_a_submission_that_exists_is_ours_only_where_our_file_was_sent(platform, picture):
    """The URL came, a crash followed; then someone else delivered."""
    platform.wire.mishaps = {POST: [None, EXISTS, EXISTS], PUT: ["unreached"] * 3}
    async with desk(platform, picture) as submitting:
        await told(submitting, picture)
        with platform.journal as journal:
            (payment,) = journal.open_payments()
            assert payment.put_at is None  # no byte left
        later = replace(submitting, payer=replace(submitting.payer, now=lambda: payment.signed_at + 1800))
        said = await told(later, picture)
        with platform.journal as journal:
            journal.put_begins(payment.nonce, 1)
        delivered = await told(later, picture)
    assert said.startswith(
        "The fee is paid, an upload URL was received but no file sent, and the service says that a submission exists: "
        f"0.25 USDC to localhost (nonce {payment.nonce}, transaction not known)."
    )
    assert isinstance(delivered, Submitted)


async def test_a_402_for_a_fee_that_was_granted_before_is_reported_too(platform, picture):
    platform.wire.mishaps = {POST: [None, ASKED], PUT: [Canned(403)]}
    async with desk(platform, picture) as submitting:
        said = await told(submitting, picture)
    assert "The fee is paid, an upload URL was received but no file sent, and the service answers the same" in said


async def test_five_files_at_once_for_one_submission_are_one_fee(platform, picture, picture_of):
    files = [picture.with_name(f"{number}.png") for number in range(5)]
    for number, file in enumerate(files):
        file.write_bytes(picture_of(120 + number, 100))
    said = []

    async def submit_one(submitting, file):
        said.append(await told(submitting, file))

    async with desk(platform, picture) as submitting, anyio.create_task_group() as calls:
        for file in files:
            calls.start_soon(submit_one, submitting, file)
    with platform.journal as journal:
        assert journal.spent() == 250_000
    assert len(platform.wire.proofs) == 1
    assert sum(isinstance(each, Submitted) for each in said) == 1


async def test_a_file_that_never_left_is_not_told_as_delivered_when_another_one_is_there(platform, picture, picture_of):
    other = picture.with_name("other.png")
    other.write_bytes(picture_of(130, 120))
    platform.wire.mishaps[PUT] = ["unreached"] * 3
    async with desk(platform, picture) as submitting:
        await told(submitting, picture)
        assert isinstance(await told(submitting, other), Submitted)
        said = await told(submitting, picture)
    assert "no file sent, and the service says that a submission exists" in said


async def test_a_refused_put_is_no_delivery_where_the_submission_then_exists(platform, picture):
    platform.wire.mishaps = {POST: [None, EXISTS], PUT: [Canned(403)]}
    async with desk(platform, picture) as submitting:
        said = await told(submitting, picture)
    assert "no file sent, and the service says that a submission exists" in said


async def test_a_url_that_leads_nowhere_is_asked_for_again_with_the_same_proof(platform, picture):
    urls = ("https://169.254.169.254/x?X-Amz-Signature=canary", "https://[1.2.3.4]/x?X-Amz-Signature=canary")
    data: Any = GRANT["data"]
    platform.wire.mishaps[POST] = [Canned(200, body={**GRANT, "data": {**data, "uploadUrl": url}}) for url in urls]
    async with desk(platform, picture) as submitting:
        first = await told(submitting, picture)
        second = await told(submitting, picture)
        third = await told(submitting, picture)
    assert "The fee is paid" in first
    assert "The fee is paid" in second
    assert "canary" not in first + second
    assert isinstance(third, Submitted)
    assert len(platform.wire.proofs) == 1


async def test_no_second_fee_is_paid_for_another_file_of_the_same_submission(platform, picture, picture_of):
    other = picture.with_name("other.png")
    other.write_bytes(picture_of(200, 200))
    platform.wire.mishaps[POST] = ["unreached"] * 20
    async with desk(platform, picture) as submitting:
        await told(submitting, picture)
        platform.wire.mishaps[POST] = []
        said = await told(submitting, other)
        assert isinstance(await told(submitting, picture), Submitted)
    assert said.startswith("A fee for this submission stands already, for another file: 0.25 USDC to localhost (nonce")
    assert "A second one is not paid. Submit that very file again, which costs nothing more; or give that" in said
    assert len(platform.wire.proofs) == 1


async def test_where_the_fee_is_the_submission_s_another_file_needs_none(platform, picture, picture_of):
    other = picture.with_name("other.png")
    other.write_bytes(picture_of(200, 200))
    platform.wire.mishaps[PUT] = ["unreached"] * 3
    async with desk(platform, picture) as submitting:
        await told(submitting, picture)
        done = await told(submitting, other)
    assert isinstance(done, Submitted)
    assert (done.fee, len(platform.wire.proofs), platform.delivered) == (0, 1, ["sub_1"])


async def test_a_fee_that_was_raised_between_two_calls_does_not_touch_what_is_under_way(platform, picture):
    platform.wire.mishaps[POST] = ["lost", *["unreached"] * 20]
    async with desk(platform, picture) as submitting:
        await told(submitting, picture)
        platform.register.change_project("logos", "5", None, None)
        platform.wire.mishaps[POST] = []
        assert isinstance(await told(submitting, picture), Submitted)
        refused = await told(submitting, picture, "sub_2")
    assert "It asks for 5 USDC; at most 0.25 is allowed for one payment. IMG402_IO42_MAX_FEE changes that." in refused
    assert len(platform.wire.proofs) == 1


GRANT = {
    "success": True,
    "data": {
        "message": "Upload URL generated successfully",
        "uploadUrl": "https://r2.example/sub_1?X-Amz-Signature=canary",
        "mediaFileId": "media_abc123",
        "fileName": "submissions/sub_1/1-a.png",
        "submissionId": "sub_1",
        "expiresAt": "2099-01-15T15:30:00Z",
    },
    "error": None,
}


def granting(**changes: object) -> dict[str, object]:
    return GRANT | {"data": {**GRANT["data"], **changes}}  # type: ignore[dict-item]  # it is one


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param({"success": True}, 'without a usable upload URL (wrong or missing: "data")', id="no-data"),
        pytest.param({"success": True, "data": None}, "without a usable upload URL", id="null-data"),
        pytest.param(granting(uploadUrl=5), '(wrong or missing: "data.uploadUrl")', id="url-a-number"),
        pytest.param(granting(expiresAt="soon"), '(wrong or missing: "data.expiresAt")', id="no-moment"),
        pytest.param(granting(submissionId="sub_2"), 'for another submission, "sub_2"', id="another-submission"),
        pytest.param([], "without a usable upload URL", id="a-list"),
        pytest.param({"uploadUrl": "https://r2.example/"}, "without a usable upload URL", id="no-envelope"),
        pytest.param(granting(uploadUrl="ftp://r2.example/x?canary"), "no usable URL, at", id="scheme"),
        pytest.param(granting(uploadUrl="file:///etc/passwd"), "no usable URL, at", id="file"),
        pytest.param(granting(uploadUrl="http://127.0.0.1/x\r\nX: canary"), "no usable URL, at", id="newline"),
        pytest.param(granting(uploadUrl="http://a:canary@127.0.0.1/x"), "no usable URL, at", id="password"),
        pytest.param(
            granting(uploadUrl="http://169.254.169.254/x?canary"), "is a link-local or reserved address", id="metadata"
        ),
    ],
)
async def test_a_grant_that_is_none_keeps_the_fee_and_tells_no_secret(answer, sentence, platform, picture, caplog):
    caplog.set_level(logging.DEBUG)
    platform.wire.mishaps[POST] = [Canned(200, body=answer)]
    async with desk(platform, picture) as submitting:
        said = await told(submitting, picture)
        platform.wire.mishaps[POST] = []
        assert sentence in said
        assert "Make the same call again: nothing more is paid for this file." in said
        assert "canary" not in said + caplog.text
        last = await told(submitting, picture)
    assert isinstance(last, Submitted) or "nothing more is paid" in last
    assert len(platform.wire.proofs) == 1


@ERAS
@pytest.mark.parametrize("pays", [True, False])
async def test_the_user_is_asked_where_that_is_set(era, pays, platform, picture):
    questions = []

    async def on_question(_, question):
        questions.append(question.message)
        return ElicitResult(action="accept", content={"pay": pays})

    async with agent(platform, picture, era, {"approve": "ask"}, on_question) as client:
        result = await submit(client, picture)
    assert questions == ["Pay 0.25 USDC to localhost as the entry fee of submission sub_1 to project logos?"]
    assert result.is_error is not pays
    assert platform.delivered == ["sub_1"] * pays


async def test_a_client_that_cannot_ask_pays_nothing_where_the_user_must_be_asked(platform, picture):
    async with agent(platform, picture, money={"approve": "ask"}) as client:
        result = await submit(client, picture)
    assert "this client cannot ask; nothing was signed." in text(result)
    assert platform.wire.proofs == set()


async def test_invariant_8_no_secret_stands_in_an_answer_a_log_or_a_repr(platform, picture, caplog):
    caplog.set_level(logging.DEBUG)
    platform.wire.mishaps[PUT] = [Canned(403)]
    async with desk(platform, picture) as submitting:
        shown = f"{submitting!r} {await told(submitting, picture)!r}"
    async with agent(platform, picture) as client:
        shown += (await submit(client, picture)).model_dump_json()
        shown += (await client.call_tool("payment_status")).model_dump_json()
    puts = [request.url.query.decode() for request in platform.wire.requests if request.method == PUT]
    signatures = [part.partition("=")[2] for query in puts for part in query.split("&") if len(part) > 30]
    assert signatures
    for secret in (platform.key, KEY[2:], *platform.wire.proofs, *puts, *signatures):
        assert secret not in shown + caplog.text


async def test_the_tool_is_listed_only_where_io42_is_configured(platform, picture):
    async with agent(platform, picture) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    tool = tools["submit_image"]
    assert tool.annotations.model_dump(exclude_none=True) == {"destructive_hint": True, "idempotent_hint": True}
    assert [*tool.input_schema["properties"]] == ["project_id", "submission_id", "path", "fit"]
