"""Requests that are invalid, too large, or not what they seem. The `host` fixture adds: disk, memory, the next one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

GET = b"GET /nothing.png HTTP/1.1\r\nHost: h\r\n"
END = b"\r\n"
MANY = b"".join(b"X-%d: 1\r\n" % number for number in range(10_000))
LONG = b"X: " + b"a" * 1_048_576 + b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request", id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request", id="HTTP/2"),
        pytest.param(b"GET /nothing.png\r\n\r\n", 404, "not_found", id="HTTP/0.9"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", 400, "bad_request", id="unknown-version"),
        pytest.param(b"get / HTTP/1.1\r\n\r\n", 400, "bad_request", id="lower-case-method"),
        pytest.param(b"A" * 60_000 + b" / HTTP/1.1\r\n\r\n", 400, "bad_request", id="long-method"),
        pytest.param(b"TRACE /nothing.png HTTP/1.1\r\nHost: h\r\n\r\n", 405, "method_not_allowed", id="TRACE"),
        pytest.param(b"CONNECT evil:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request", id="CONNECT"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 404, "not_found", id="OPTIONS-star"),
        pytest.param(b"GET http://evil/nothing.png HTTP/1.1\r\nHost: h\r\n\r\n", 404, "not_found", id="absolute-form"),
        pytest.param(b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request", id="raw-bytes-in-path"),
        pytest.param(GET + b"Content-Length: -1\r\n\r\n", 400, "bad_request", id="negative-length"),
        pytest.param(GET + b"Content-Length: 1e3\r\n\r\n", 400, "bad_request", id="length-1e3"),
        pytest.param(GET + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", 400, "bad_request", id="length-overflows"),
        pytest.param(GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "bad_request", id="two-lengths"),
        pytest.param(GET + b"Content-Length: 5\r\n" + CHUNKED + END, 400, "bad_request", id="length-and-chunked"),
        pytest.param(GET + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400, "bad_request", id="chunked-not-last"),
        pytest.param(GET + b"X: a\rEvil: b\r\n\r\n", 400, "bad_request", id="bare-CR-in-header"),
        pytest.param(GET + b"X: a\0b\r\n\r\n", 400, "bad_request", id="NUL-in-header"),
        pytest.param(GET + b"X : a\r\n\r\n", 400, "bad_request", id="blank-before-colon"),
        pytest.param(GET + b" folded\r\n\r\n", 400, "bad_request", id="folded-header"),
        pytest.param(GET + b": no name\r\n\r\n", 400, "bad_request", id="header-without-name"),
        pytest.param(GET + MANY + END, 431, "headers_too_large", id="10000-headers"),
        pytest.param(GET + LONG + END, 431, "headers_too_large", id="header-of-1-MB"),
        pytest.param(GET + b"A" * 1_048_576, 431, "headers_too_large", id="header-name-without-end"),
        pytest.param(b"GET /" + b"a" * 1_048_576, 431, "headers_too_large", id="path-without-end"),
        pytest.param(GET + b"Cookie: a\r\n" * 101 + END, 431, "headers_too_large", id="101-headers"),
        pytest.param(GET + b"X: " + b"a" * 33_000 + b"\r\n\r\n", 431, "headers_too_large", id="33-KB"),
    ],
)
def test_a_bad_head_is_answered_with_a_reason_and_the_connection_ends(
    host: Any, request_bytes: bytes, status: int, code: str
):
    client = host.client()
    client.send(*(request_bytes[at : at + 65536] for at in range(0, len(request_bytes), 65536)))
    answer = client.answer()
    assert (answer.status, answer.code) == (status, code)
    if code in {"bad_request", "headers_too_large"}:  # after an invalid request, where the next one begins is not known
        assert (answer.headers.get("connection"), client.ended()) == ("close", True)
    assert json.loads(answer.body).keys() == {"error", "message"}


def test_a_client_that_sends_everything_before_reading_gets_the_answer(host: Any):
    client = host.client()
    client.socket.sendall(GET + b"X: " + b"a" * 8_000_000 + END)
    assert client.answer().code == "headers_too_large"


def test_a_hundred_headers_of_thirty_kilobytes_are_fine(host: Any):
    headers = b"".join(b"X-%02d: %s\r\n" % (number, b"a" * 290) for number in range(99))
    assert host.asked(GET + headers + END).status == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/..%2f..%2findex.sqlite", "/%2e%2e/index.sqlite", "/..%5c..%5csecret", "/../../etc/passwd", "/..%00.png"),
        *("/%2fetc%2fpasswd", "//etc/passwd", "/kept/{id}.png", "/{id}.png%00", "/{id}.png/", "/{id}.png%0a", "/{id}"),
        *("/{ID}.png", "/{id}.PNG", "/{id}.jpg", "/{id}.png.png", "/{id}%c0%ae%c0%ae/", "/%c0%af{id}.png"),
        *("/{id}.png;x", "/" + "a" * 20_000, "/{id}.png%20", "/%EF%BC%8F{id}.png", "/previews/{id}.png"),
        *("/uploads/{id}.png", "/previews/..%2f{id}.png"),
    ],
)
def test_only_the_exact_name_leads_to_an_image(host: Any, uploaded: str, path: str):
    name = uploaded.partition(".")[0]
    asked = path.replace("{id}", name).replace("{ID}", name.upper())
    answer = host.asked(f"GET {asked} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert answer.status in {403, 404, 405}
    assert answer.code


@pytest.fixture(scope="module")
def uploaded(patient: Any, upload_request: Callable[..., bytes]) -> str:
    """The name of a GIF; no path requested here is the right one."""
    answer = patient.asked(upload_request("still.gif"))
    return str(json.loads(answer.body)["url"].rpartition("/")[2])


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param("bytes=" + ",".join(f"{at}-{at}" for at in range(2000)), 200, id="2000-ranges"),
        pytest.param("bytes=" + ",".join(["0-"] * 5000), 200, id="5000-overlapping"),
        pytest.param("bytes=0-99999999999999999", 206, id="huge-end"),
        pytest.param("bytes=99999999999999999-", 416, id="huge-start"),
        pytest.param("bytes=" + "9" * 5000 + "-", 200, id="5000-digits"),
        pytest.param("bytes=-99999999999999999", 200, id="huge-suffix"),
        pytest.param("bytes=--5", 200, id="negative"),
        pytest.param("bytes=5-2", 200, id="backwards"),
        pytest.param("bytes=-0", 416, id="empty-suffix"),
        pytest.param("bytes=\u0663-", 200, id="other-digits"),
        pytest.param("bits=0-5", 200, id="unknown-unit"),
    ],
)
def test_a_range_costs_no_more_than_the_image(host: Any, uploaded: str, sample: Any, asked: str, status: int):
    answer = host.asked(f"GET /{uploaded} HTTP/1.1\r\nHost: h\r\nRange: {asked}\r\n\r\n".encode())
    whole = sample("still.gif")
    if asked == "bytes=0-99999999999999999":
        status = 200  # the whole image, since this is not a range
    assert answer.status == status
    assert len(answer.body) <= max(len(whole), 200)


@pytest.mark.parametrize(
    "hosts_header",
    [
        "Host: evil.example",
        "Host: a\r\nHost: evil.example",
        "X-Forwarded-Host: evil.example\r\nHost: h",
        "Host: evil:x",
    ],
    ids=["other", "two", "forwarded", "bad-port"],
)
def test_a_host_header_decides_nothing(patient: Any, upload_request: Callable[..., bytes], hosts_header: str):
    answer = patient.asked(upload_request("plain.png").replace(b"Host: h", hosts_header.encode()))
    assert json.loads(answer.body)["url"].startswith("https://images.example/")
    reply = patient.asked(f"GET /openapi.json HTTP/1.1\r\n{hosts_header}\r\n\r\n".encode())
    refused = patient.asked(f"GET /a/b/ HTTP/1.1\r\n{hosts_header}\r\n\r\n".encode())
    assert b"evil" not in reply.body + refused.body


def test_a_forged_address_meets_the_same_daily_limit(hosts: Callable[..., Any], upload_request: Callable[..., bytes]):
    host = hosts(IMG402_HOST_FREE_DAILY_PER_ADDRESS="1", IMG402_HOST_TRUSTED_PROXIES="")
    spoofs = ["X-Forwarded-For: 198.51.100.7", "X-Real-IP: 198.51.100.8", "Forwarded: for=198.51.100.9"]
    spoofs += ["X-Forwarded-For: 127.0.0.1, 198.51.100.10", "X-Forwarded-For: " + "1.2.3.4," * 3000]
    answers = [
        host.asked(upload_request("plain.png").replace(b"Host: h", f"Host: h\r\n{spoof}".encode())) for spoof in spoofs
    ]
    assert [answer.status for answer in answers] == [200, 429, 429, 429, 429]


def test_a_few_pipelined_requests_are_answered_in_order(host: Any, uploaded: str):
    client = host.client()
    image = f"GET /{uploaded} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    client.send((image + GET + END) * 4)
    assert [client.answer().status for _ in range(8)] == [200, 404] * 4


def test_thousands_of_pipelined_requests_are_cut_off(host: Any):
    client = host.client()
    client.send((GET + END) * 5000)
    answers = 0
    while client.answer():
        answers += 1
    assert answers <= 17


def test_a_chunked_bodys_trailers_do_not_count_as_headers(patient: Any):
    """The daily limit would count this address if a trusted proxy's header could come after the body."""
    body = b"1\r\nx\r\n0\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
    answer = patient.asked(b"POST /api/free HTTP/1.1\r\nHost: h\r\n" + CHUNKED + END + body)
    assert 'Content-Type is ""' in json.loads(answer.body)["message"]
