from datetime import UTC, datetime, timedelta

from img402_mcp.host.db.database import Database
from img402_mcp.host.payments.upload_tokens import IssuedToken, UploadTokens

NOW, LIFE = datetime(2026, 2, 8, 12, tzinfo=UTC), timedelta(minutes=10)


def test_a_payment_keeps_its_token_until_it_expires_and_then_gets_a_new_one(database: Database):
    tokens = UploadTokens(database, b"secret", LIFE)
    first, same, later = (tokens.token("payment", NOW + age) for age in (timedelta(), LIFE / 2, LIFE))
    assert same == first
    assert [tokens.issued(each.token) for each in (first, later)] == [
        IssuedToken("payment", NOW + LIFE),
        IssuedToken("payment", NOW + 2 * LIFE),
    ]


def test_a_payment_gets_a_token_that_works_after_the_secret_was_replaced(database: Database):
    old, new = (UploadTokens(database, secret, LIFE).token("payment", NOW).token for secret in (b"old", b"new"))
    issued = UploadTokens(database, b"new", LIFE).issued(new)
    assert (old == new, issued) == (False, IssuedToken("payment", NOW + LIFE))
