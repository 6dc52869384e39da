"""An upload in words: whatever is said of it, each sentence has its end, and only one."""

import re
from datetime import UTC, datetime
from itertools import product

import pytest

from img402_mcp.client.apis.base import Receipt
from img402_mcp.client.batch import Success
from img402_mcp.client.result_text import remark, upload_fields, upload_text
from img402_mcp.client.upload import Upload

EXPIRY = datetime(2026, 12, 6, 10, 5, tzinfo=UTC)
LIFE = "Expires 2026-12-06. A paid upload is kept for good, for 0.01 USDC."
UNKNOWN = "The API named no usable expiry."
DOUBT = "The URL serves other bytes than were sent."
DELETE = "https://i.example/d/abc"
MARKDOWN = "![shot](https://i.example/abc.png)"

PARTS = [
    pytest.param(*parts, id="-".join(map(str, map(int, map(bool, parts)))))
    for parts in product(
        (None, EXPIRY),
        ((), (UNKNOWN,)),
        ((), (DOUBT,), (DOUBT, DOUBT)),
        (False, True),
        ((), ("removed: XMP", "png 3 kB -> png 1 kB")),
        (None, True, False),
        ("", LIFE),
        ("", DELETE),
    )
]


@pytest.mark.parametrize(("expiry", "receipt_notes", "notes", "reused", "done", "verified", "life", "delete"), PARTS)
def test_every_sentence_of_an_upload_has_one_end(expiry, receipt_notes, notes, reused, done, verified, life, delete):
    receipt = Receipt(MARKDOWN[8:-1], "abc", "image/png", 1000, expiry, receipt_notes, delete_url=delete)
    upload = Upload(receipt, 48, 32, MARKDOWN, reused, done, verified, notes, life)
    shown, said, *undo = upload_text(upload).splitlines()
    assert (shown, undo) == (MARKDOWN, [f"To take it down: {delete}"] if delete else [])
    whole(said)
    whole(upload_fields(upload).get("note", "."))
    line = remark(Success("/shots/a.png", upload))
    assert line.startswith('"/shots/a.png": ') == bool(reused or done or verified is False or receipt_notes or notes)
    if notes or receipt_notes:
        whole(line)


def whole(text: str) -> None:
    """One stop after each sentence, one blank after each stop, and a capital after that."""
    assert text.endswith(".")
    assert not re.search(r"  |\.\.|[.,;:] ?[.,;]|^ | $", text), text
    assert not re.search(r"[a-z0-9Z)] (Expires|A paid|The URL|The API|Already|Sent after|Nothing)\b", text), text
    assert not re.search(r"\. [a-z](?!mage/)", text), text


def test_the_lifetime_is_a_sentence_of_its_own():
    receipt = Receipt("https://i.example/abc.png", "abc", "image/png", 1000, EXPIRY, ())
    upload = Upload(receipt, 48, 32, MARKDOWN, verified=True, life="Expires 2026-12-06.")
    said = "image/png, 48x32, 1000 bytes, verified. Expires 2026-12-06."
    assert upload_text(upload) == f"{MARKDOWN}\n{said}"


@pytest.mark.parametrize(
    ("notes", "verified", "line"),
    [
        pytest.param((), None, "", id="nothing-to-say"),
        pytest.param((), False, '"a.png": NOT verified', id="in-few-words"),
        pytest.param((DOUBT,), False, f'"a.png": NOT verified. {DOUBT}', id="with-the-reason"),
        pytest.param((DOUBT,), None, f'"a.png": {DOUBT}', id="only-the-reason"),
    ],
)
def test_a_remark_goes_on_from_the_name_of_the_file(notes, verified, line):
    receipt = Receipt("https://i.example/abc.png", "abc", "image/png", 1000, None, ())
    assert remark(Success("a.png", Upload(receipt, 48, 32, MARKDOWN, verified=verified, notes=notes))) == line
