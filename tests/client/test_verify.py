"""Checking the URL that an API named."""

import hashlib
from ipaddress import ip_address

import anyio
import httpx2
import pytest
from starlette.responses import Response

from img402_mcp.client.http import sending
from img402_mcp.client.ssrf_guard import SsrfGuard
from img402_mcp.client.verify import SMALL, SentImage, Verdict, Verifier

API = "https://api.example"
SMALL_URL = f"{API}/a.png"
DATA = b"\x89PNG and so on"
SMALL_SENT = SentImage("image/png", len(DATA), hashlib.sha256(DATA).hexdigest())
LARGE_SENT = SentImage("image/png", SMALL + 1, "0" * 64)


async def judged(url, sent, answer, *, address="93.184.216.34"):
    """The result, and the requests that were made for it."""
    requests = []

    async def app(scope, receive, send):
        host = dict(scope["headers"])[b"host"].decode()
        requests.append((scope["method"], scope["server"][0], host, scope["path"]))
        await answer(scope, receive, send)

    async def look_up(host, port):
        return [ip_address("93.184.216.34" if host == "api.example" else address)]

    transport = httpx2.ASGITransport(app=app)
    async with sending(transport) as send:
        return await Verifier(API, send, SsrfGuard(API, transport, look_up)).verdict(url, sent), requests


def png(body: bytes = DATA, status: int = 200, headers=None):
    return Response(body, status, headers={"content-type": "image/png"} | (headers or {}))


async def unsaid(scope, receive, send):
    """An answer that does not say its length."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/png")]})
    await send({"type": "http.response.body", "body": b""})


async def broken(scope, receive, send):
    raise httpx2.ReadError("reset")


@pytest.mark.parametrize(
    ("sent", "answer", "expected"),
    [
        pytest.param(SMALL_SENT, png(), Verdict(True), id="the-very-bytes"),
        pytest.param(
            SMALL_SENT,
            Response(DATA, headers={"content-type": "Image/PNG; charset=binary"}),
            Verdict(True),
            id="a-type-with-parameters",
        ),
        pytest.param(
            SMALL_SENT,
            png(b"other"),
            Verdict(False, "serves other bytes than were sent", refuted=True),
            id="other-bytes",
        ),
        pytest.param(
            SMALL_SENT,
            Response(DATA, headers={"content-type": "text/html"}),
            Verdict(False, "is of another type than image/png", refuted=True),
            id="a-page",
        ),
        pytest.param(
            SMALL_SENT, png(status=404), Verdict(False, "answers 404: there is no such image", refuted=True), id="404"
        ),
        pytest.param(
            SMALL_SENT, png(status=410), Verdict(False, "answers 410: there is no such image", refuted=True), id="410"
        ),
        pytest.param(SMALL_SENT, png(status=503), Verdict(False, "answers with status 503"), id="503"),
        pytest.param(
            SMALL_SENT,
            Response(status_code=302, headers={"location": "https://elsewhere.example/"}),
            Verdict(False, "answers with status 302"),
            id="a-redirect-is-not-followed",
        ),
        pytest.param(LARGE_SENT, png(b"", headers={"content-length": str(SMALL + 1)}), Verdict(True), id="large"),
        pytest.param(
            LARGE_SENT,
            png(b"", headers={"content-length": "7"}),
            Verdict(False, "has another length than the 65,537 bytes that were sent", refuted=True),
            id="large-of-another-length",
        ),
        pytest.param(LARGE_SENT, unsaid, Verdict(True), id="large-of-unknown-length"),
    ],
)
async def test_the_url_is_verified_by_its_answer(sent, answer, expected):
    verdict, requests = await judged(SMALL_URL, sent, answer)
    assert verdict == expected
    assert requests == [("GET" if sent is SMALL_SENT else "HEAD", "api.example", "api.example", "/a.png")]


async def test_another_origin_is_reached_at_the_address_that_was_checked():
    verdict, requests = await judged("https://i.example/a.png", SMALL_SENT, png())
    assert verdict == Verdict(True)
    assert requests == [("GET", "93.184.216.34", "i.example", "/a.png")]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1"])
async def test_a_url_in_the_users_own_network_is_not_asked_for_a_public_api(address):
    verdict, requests = await judged("https://i.example/a.png", SMALL_SENT, png(), address=address)
    assert (verdict.verified, requests) == (False, [])
    assert verdict.why.startswith("could not be asked: The API names a URL at")


async def test_a_url_behind_a_proxy_is_not_verified(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert await judged("https://i.example/a.png", SMALL_SENT, png()) == (None, [])


async def test_a_broken_connection_is_a_result_and_not_an_error():
    verdict, _ = await judged(SMALL_URL, SMALL_SENT, broken)
    assert not verdict.verified
    assert verdict.why.startswith("could not be asked: api.example closed the connection")


async def test_a_url_that_never_answers_is_not_waited_for():
    async def hanging(request):
        await anyio.sleep_forever()

    verdict = await Verifier(API, hanging, SsrfGuard(API), timeout=0.01).verdict(SMALL_URL, SMALL_SENT)
    assert verdict == Verdict(False, "did not answer within 0.01 seconds")
