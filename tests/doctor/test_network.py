"""The API, the clock, proxies and the chain's node, asked without a secret."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from img402_mcp.doctor.finding import fail, ok
from tests.fakes.keys import KEY

NOWHERE = "http://127.0.0.1:9"  # no server listens on this port
API: dict[str, object] = {"paths": {"/api/free": {}}}
LIMITS: dict[str, object] = {"x-img402-limits": {"formats": ["image/png"], "free": {"maxBytes": 1_000_000, "days": 7}}}


@pytest.mark.parametrize(
    ("answers", "level", "said"),
    [
        pytest.param([(LIMITS, 200)], "ok", "answers: free up to 1,000,000 bytes, kept 7 days", id="limits"),
        pytest.param([(API, 200)], "ok", "answers; it does not state its limits", id="described"),
        pytest.param([({}, 404), ({}, 405)], "ok", "answers; it does not state its limits", id="not-described"),
        pytest.param([({}, 404), ({}, 404)], "fail", "does not seem to be an img402 API", id="other-server"),
        pytest.param([({}, 301), ({}, 301)], "fail", "answers with a redirect (status 301)", id="moved"),
        pytest.param([({}, 502), ({}, 502)], "fail", "has a server error (status 502)", id="broken"),
        pytest.param([None], "fail", "closed the connection", id="no-answer"),
    ],
)
async def test_the_api_is_asked_and_its_answer_checked(found, peers, answering, answers, level, said):
    peer = await peers(*(answer and answering(answer[0], answer[1]) for answer in answers))
    (finding,) = await found("api", IMG402_API_URL=peer.url)
    assert finding.level == level
    assert said in finding.said
    assert {request.partition(b" ")[0] for request in peer.requests} == {b"GET"}


async def test_an_unreachable_api_is_reported(found):
    (finding,) = await found("api", IMG402_API_URL=NOWHERE)
    assert finding.level == "fail"
    assert finding.said.startswith("127.0.0.1:9 could not be reached")


@pytest.mark.parametrize(
    ("behind", "age", "wallet", "level"),
    [
        pytest.param(0, 0, "", "ok", id="right"),
        pytest.param(3600, 3600, "", "ok", id="from-a-cache"),
        pytest.param(300, 0, "", "warn", id="ahead"),
        pytest.param(-300, 0, "", "warn", id="behind"),
        pytest.param(-300, 0, KEY, "fail", id="behind-and-a-wallet"),
    ],
)
async def test_the_clock_is_compared_with_the_apis(found, peers, answering, behind, age, wallet, level):
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=behind), usegmt=True)
    peer = await peers(answering({}, 200, Date=date, Age=str(age)))
    (finding,) = await found("clock", IMG402_API_URL=peer.url, IMG402_WALLET_KEY=wallet)
    assert finding.level == level
    assert (finding.level == "ok") == ("clock is 30" not in finding.said and "clock is 29" not in finding.said)


@pytest.mark.parametrize(
    ("environ", "level", "said"),
    [
        pytest.param({}, "ok", "no proxy is set", id="none"),
        pytest.param(
            {"HTTPS_PROXY": "http://ann:secret@proxy.example:3128"},
            "ok",
            'HTTPS_PROXY leads through "http://proxy.example:3128"',
            id="without-its-password",
        ),
        pytest.param({"https_proxy": "proxy:3128"}, "ok", 'https_proxy leads through "http://proxy:3128"', id="bare"),
        pytest.param({"ALL_PROXY": "ftp://x"}, "fail", "ALL_PROXY is not the address of a proxy.", id="scheme"),
        pytest.param({"HTTP_PROXY": "http://x:99999"}, "fail", "HTTP_PROXY is not the address of a proxy.", id="port"),
        pytest.param(
            {"SSL_CERT_FILE": "/nowhere"}, "fail", 'SSL_CERT_FILE names "/nowhere", where there is no file.', id="certs"
        ),
        pytest.param(
            {"SSL_CERT_FILE": "/"}, "fail", 'SSL_CERT_FILE names "/", where there is no file.', id="certs-are-a-folder"
        ),
        pytest.param(
            {"SSL_CERT_DIR": __file__},
            "fail",
            f'SSL_CERT_DIR names "{__file__}", where there is no folder.',
            id="certs-are-a-file",
        ),
    ],
)
async def test_proxies_and_certificates_are_looked_at(levels_and_texts, environ, level, said):
    assert await levels_and_texts("proxy", **environ) == [(level, said)]


async def test_a_node_of_another_chain_is_reported_without_its_address(found, peers, answering):
    peer = await peers(answering({"jsonrpc": "2.0", "id": 1, "result": "0x1"}))
    (finding,) = await found("rpc", IMG402_RPC_URL=f"{peer.url}/secret")
    assert finding == fail(
        "The RPC node serves chain 1, not base, which is 8453.",
        "Check that IMG402_RPC_URL is a node of one of IMG402_NETWORKS.",
    )


async def test_a_node_that_does_not_answer_is_not_blamed_on_the_networks(found):
    assert await found("rpc", IMG402_RPC_URL=NOWHERE) == [
        fail("The RPC node did not answer.", "Check the network and IMG402_RPC_URL.")
    ]


async def test_a_node_that_answers_is_fine(found, peers, answering):
    results = ("0x2105", {"number": "0x1", "timestamp": "0x66"}, "0x0")
    peer = await peers(*(answering({"jsonrpc": "2.0", "id": 1, "result": result}) for result in results))
    assert await found("rpc", IMG402_RPC_URL=peer.url) == [ok("the RPC node answers for base")]


async def test_other_apis_are_asked_without_their_secrets(levels_and_texts, peers, answering):
    io42, studio = await peers(answering({}, 404)), await peers(answering({}, 503))
    assert await levels_and_texts("io42", IMG402_IO42_KEY="secret", IMG402_IO42_URL=io42.url) == [
        ("ok", f"{io42.url} answers")
    ]
    assert await levels_and_texts("studio", IMG402_STUDIO_TOKEN="secret", IMG402_STUDIO_URL=studio.url) == [
        ("warn", f"{studio.url} has a server error (status 503).")
    ]
    assert b"secret" not in io42.requests[0] + studio.requests[0]
