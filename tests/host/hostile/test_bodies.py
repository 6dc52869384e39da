"""Bodies that are not what they say. The `host` fixture adds: disk, memory, the next good request."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

PART = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
END = b"\r\n--b--\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
JSON = b"Content-Type: application/json\r\n"
DEEP = b'{"file":' + b"[" * 500_000


def posted(headers: bytes, body: bytes, length: int | None = None) -> bytes:
    announced = b"Content-Length: %d\r\n" % (len(body) if length is None else length)
    return b"POST /api/free HTTP/1.1\r\nHost: h\r\n" + headers + announced + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return b"POST /api/free HTTP/1.1\r\nHost: h\r\n" + FORM + b"Transfer-Encoding: chunked\r\n\r\n" + body


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


@pytest.mark.parametrize(
    ("body", "headers", "code", "said"),
    [
        pytest.param(PART + b"x" + END, b"Content-Type: multipart/form-data\r\n", "no_file", "no multipart", id="none"),
        pytest.param(
            *(PART + b"x" + END, b"Content-Type: multipart/form-data; boundary=\r\n", "no_file", "no multipart"),
            id="empty-boundary",
        ),
        pytest.param(
            *(
                PART + b"x" + END,
                b"Content-Type: multipart/form-data; boundary=a; boundary=b\r\n",
                "unsupported_format",
                "",
            ),
            id="two-boundaries",
        ),
        pytest.param(
            *(
                PART + b"x" + END,
                b"Content-Type: multipart/form-data; boundary=" + b"b" * 9000 + b"\r\n",
                "no_file",
                "",
            ),
            id="long-boundary",
        ),
        pytest.param(PART.replace(b"--b", b"--c") + b"x" + END, FORM, "no_file", "malformed", id="another-boundary"),
        pytest.param(
            *(
                b"".join(b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n' % n for n in range(10_000)),
                FORM,
            ),
            *("no_file", "more than 16 fields"),
            id="10000-parts",
        ),
        pytest.param(b"--b\r\nX: " + b"a" * 64_000_000, FORM, "file_too_large", "", id="64-MB-part-header-announced"),
        pytest.param(b"--b\r\nX: " + b"a" * 900_000 + END, FORM, "no_file", "malformed", id="900-KB-part-header"),
        pytest.param(
            b"--b\r\n" + b"X: 1\r\n" * 9 + b"\r\nx" + END, FORM, "no_file", "malformed", id="nine-part-headers"
        ),
        pytest.param(
            *(PART.replace(b'name="image"', b"name*=utf-8''image") + b"x" + END, FORM, "no_file", 'no field "image"'),
            id="RFC-2231-name",
        ),
        pytest.param(
            *(PART.replace(b'name="image"', b'name="im\r\n age"') + b"x" + END, FORM, "no_file", ""), id="CRLF-in-name"
        ),
        pytest.param(
            *(PART.replace(b'name="image"', b'name="image\0"') + b"x" + END, FORM, "no_file", ""), id="NUL-in-name"
        ),
        pytest.param(
            PART.replace(b"Content-Disposition", b"Content\r\nDisposition") + b"x" + END,
            *(FORM, "no_file", "malformed"),
            id="CRLF-in-header-name",
        ),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n'
            b'--c\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n--c--' + END,
            *(FORM, "no_file", '"a" and no field "image"'),
            id="nested",
        ),
        pytest.param(
            PART + b"\x89PNG\r\n\x1a\n" + b"\r\n--" * 200_000 + END, FORM, "unsupported_format", "", id="almost"
        ),
        pytest.param(PART + PART + b"x" + END, FORM, "unsupported_format", "", id="a-boundary-inside-a-line"),
        pytest.param(*(PART + b"x\r\n" + PART + b"y" + END, FORM, "no_file", "twice"), id="the-field-twice"),
        pytest.param(PART + b"x", FORM, "no_file", "before its closing boundary", id="no-end"),
        pytest.param(b"", FORM, "no_file", "", id="nothing"),
        pytest.param(
            gzip.compress(PART + b"x" + END), FORM + b"Content-Encoding: gzip\r\n", "no_file", "gzip", id="gzip"
        ),
        pytest.param(DEEP, JSON, "no_file", "", id="deep-JSON"),
        pytest.param(DEEP + b"]" * 500_000 + b"}", JSON, "no_file", "", id="deep-JSON-that-ends"),
        pytest.param(b'{"file":[' + b"{}," * 450_000 + b"{}]}", JSON, "no_file", "", id="wide-JSON"),
        pytest.param(b'{"file":"' + b"!" * 900_000 + b'"}', JSON, "no_file", "not base64", id="base64-junk"),
        pytest.param(b'{"file":"aGVsbG8"}', JSON, "no_file", "not base64", id="base64-without-padding"),
        pytest.param(b'{"file":' + b"9" * 900_000 + b"}", JSON, "no_file", "", id="huge-number"),
        pytest.param(b'{"file":1e999999}', JSON, "no_file", 'no string "file"', id="infinite-number"),
        pytest.param(b'{"file":NaN}', JSON, "no_file", 'no string "file"', id="NaN"),
        pytest.param(b'{"file":"\\ud800"}', JSON, "no_file", "not base64", id="lone-surrogate"),
        pytest.param(b'{"file":"","file":"aGVsbG8="}', JSON, "unsupported_format", "", id="the-last-of-two"),
        pytest.param(b'\xff\xfe{\0"\0', JSON, "no_file", "is not", id="UTF-16"),
        pytest.param(b"x" * 100, b"Content-Type: \xff\xfe\r\n", "no_file", "no multipart", id="bytes-as-type"),
    ],
)
def test_a_bad_body_is_refused_with_a_reason(host: Any, body: bytes, headers: bytes, code: str, said: str):
    request = posted(headers, body)
    answer = host.asked(*(request[at : at + 65536] for at in range(0, len(request), 65536)))
    assert (answer.status, answer.code) == (400, code)
    assert said in json.loads(answer.body)["message"]


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        pytest.param(posted(FORM, PART + b"x" + END, 20), 400, "no_file", id="announced-less"),
        pytest.param(posted(FORM, PART + b"x" + END, 10**17), 400, "file_too_large", id="announced-a-lot-more"),
        pytest.param(chunked(b"zz\r\n" + PART), 400, "bad_request", id="bad-chunk-size"),
        pytest.param(chunked(b"-1\r\n" + PART), 400, "bad_request", id="negative-chunk-size"),
        pytest.param(chunked(b"f" * 17 + b"\r\n" + PART), 400, "bad_request", id="chunk-size-overflows"),
        pytest.param(chunked(chunk(PART)[:-2] + b"XX"), 400, "bad_request", id="chunk-without-its-end"),
        pytest.param(
            chunked(chunk(PART + b"x" + END) + b"0\r\nbad trailer\r\n\r\n"), 400, "bad_request", id="bad-trailer"
        ),
        pytest.param(chunked(chunk(b"x") * 200_000), 400, "no_file", id="200000-chunks"),
    ],
)
def test_a_body_that_lies_about_its_length_is_refused(host: Any, request_bytes: bytes, status: int, code: str):
    answer = host.asked(*(request_bytes[at : at + 65536] for at in range(0, len(request_bytes), 65536)))
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    "begun", [b"1;x=", b"0\r\nX: ", b"0\r\n" + b"X", b"0" * 9], ids=["chunk-extension", "trailer", "its-name", "size"]
)
def test_a_hundred_megabytes_of_other_fields_are_not_kept(host: Any, begun: bytes):
    answer = host.asked(chunked(begun), *(b"0" * 1_048_576 for _ in range(100)))
    assert (answer.status, answer.code) in {(431, "headers_too_large"), (400, "bad_request")}


def test_a_thousand_trailers_are_dropped(host: Any):
    trailers = b"".join(b"X-%d: 1\r\n" % number for number in range(1000))
    answer = host.asked(chunked(chunk(PART + b"x" + END) + b"0\r\n" + trailers + b"\r\n"))
    assert answer.code == "unsupported_format"


@pytest.mark.parametrize("piece", [1000, 1_048_576], ids=["in-many-packets", "with-the-body"])
@pytest.mark.parametrize(
    "trailers",
    [
        pytest.param(b"X: " + b"a" * 100_000 + b"\r\n", id="one-of-100-KB"),
        pytest.param(b"X: " + b"a" * 8200 + b"\r\n", id="one-of-8-KB"),
        pytest.param(b"".join(b"X-%d: 1\r\n" % number for number in range(10_000)), id="10000"),
        pytest.param(b"X" * 100_000 + b": 1\r\n", id="a-name-of-100-KB"),
    ],
)
def test_more_trailers_than_anybody_needs_are_refused_however_large_the_body_is(
    host: Any, sample: Callable[[str], bytes], trailers: bytes, piece: int
):
    body = chunk(PART + sample("plain.png") + bytes(100_000) + END)
    request = chunked(body + b"0\r\n" + trailers + b"\r\n")
    answer = host.asked(*(request[at : at + piece] for at in range(0, len(request), piece)))
    assert (answer.status, answer.code) == (431, "headers_too_large")


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(host: Any, sample: Callable[[str], bytes]):
    for _ in range(20):
        client = host.client()
        client.send(posted(FORM, PART + sample("plain.png"), 500_000))
        client.socket.close()


def test_other_json_values_are_accepted_when_small_and_refused_when_large(patient: Any, sample: Callable[[str], bytes]):
    document = {"note": ["a", "b"], "file": base64.b64encode(sample("plain.png")).decode()}
    small = patient.asked(posted(JSON, json.dumps(document).encode()))
    large = patient.asked(posted(JSON, json.dumps(document | {"note": [[]] * 1000}).encode()))
    assert (small.status, large.status, large.code) == (200, 400, "no_file")
    assert "more than 500" in json.loads(large.body)["message"]
