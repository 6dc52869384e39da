"""Renewing: what expires and still lies on the disk is uploaded again, and its URLs in documents are replaced."""

import time
from pathlib import Path

import pytest

from img402_mcp.client.files.roots import Roots
from img402_mcp.client.http import Response
from img402_mcp.client.renew import documents, plan_renewal, renew, replaced, replacements, rewrite
from img402_mcp.client.settings.model import Money, WalletSource
from img402_mcp.client.upload import UploadOptions
from img402_mcp.errors import ReadRefused, SettingsError
from tests.fakes.agent import uploading
from tests.fakes.api import Api
from tests.fakes.serving import reply

OLD, NEW = "https://i.example/a.png", "https://i.example/b.png"


def in_days(days: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86_400))


class Expiring(Api):
    """Its images live for so many days, a number for each upload; the last for all others."""

    def __init__(self, *days: float) -> None:
        super().__init__()
        self._days = [*days]
        self.on_upload = self._expiring

    def _expiring(self, _: bytes) -> Response:
        days = self._days.pop(0) if len(self._days) > 1 else self._days[0]
        number = len(self.sizes)
        return reply(200, {"url": f"{self.url}/{number}.png", "id": f"{number}", "expiresAt": in_days(days)})


async def test_what_expires_soon_is_uploaded_again_and_nothing_else(pictures, picture_of):
    for name, width in (("soon", 3), ("late", 4)):
        (pictures / f"{name}.png").write_bytes(picture_of(width, 2))
    api = Expiring(2, 30, 30)
    async with uploading(pictures, api.transport, verify=False) as uploader:
        soon, _ = [await uploader.upload(str(pictures / f"{name}.png")) for name in ("soon", "late")]
        plan = await plan_renewal(uploader, 7)
        assert len(api.sizes) == 2
        batch = await renew(uploader, plan.renewals)
        again = await plan_renewal(uploader, 7)
    assert [(each.path, each.urls) for each in plan.renewals] == [(str(pictures / "soon.png"), (soon.receipt.url,))]
    assert (plan.left, len(api.sizes)) == ((), 3)
    assert replacements(plan, batch) == {soon.receipt.url: f"{api.url}/3.png"}
    assert (again.renewals, again.known) == ((), {soon.receipt.url: f"{api.url}/3.png"})


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        pytest.param(
            lambda path, picture_of: path.write_bytes(picture_of(9, 9)), "the file has changed since", id="new"
        ),
        pytest.param(lambda path, _: path.unlink(), "does not exist", id="gone"),
        pytest.param(lambda path, _: path.write_text("no image"), "is plain text", id="no-image"),
    ],
)
async def test_what_is_no_longer_the_same_file_is_left_with_the_reason(pictures, picture, picture_of, happens, reason):
    api = Expiring(2)
    async with uploading(pictures, api.transport, verify=False) as uploader:
        await uploader.upload(str(picture))
        happens(picture, picture_of)
        plan = await plan_renewal(uploader, 7)
    assert plan.renewals == ()
    assert reason in plan.left[0].reason
    assert len(api.sizes) == 1


async def test_the_allow_list_as_of_now_decides(pictures, picture, tmp_path):
    api, other = Expiring(2), tmp_path / "other"
    other.mkdir()
    async with uploading(pictures, api.transport, verify=False) as uploader:
        await uploader.upload(str(picture))
    state = {"named_state_dir": pictures.parent / "state"}
    async with uploading(other, api.transport, verify=False, **state) as uploader:
        plan = await plan_renewal(uploader, 7)
    assert plan.renewals == ()
    assert "allowed folder" in plan.left[0].reason


async def test_it_is_prepared_as_it_was_and_never_paid_for(pictures, picture):
    """The API would have taken money on its paid route, which is never asked."""
    api, purse = Expiring(2, 30), Money(WalletSource(key="1" * 64))
    async with uploading(pictures, api.transport, verify=False, money=purse) as uploader:
        await uploader.upload(str(picture), options=UploadOptions(fit=False))
        plan = await plan_renewal(uploader, 7)
        await renew(uploader, plan.renewals)
        entries = uploader.history.find(now=0)
    assert [(entry.preparation, entry.terms, entry.price) for entry in entries] == [("scrub", "free", 0)] * 2


async def test_a_daily_cap_ends_it_and_says_what_is_left(pictures, picture_of):
    api = Expiring(2)
    async with uploading(pictures, api.transport, verify=False) as uploader:
        for width in (3, 4, 5):
            (pictures / f"{width}.png").write_bytes(picture_of(width, 2))
            await uploader.upload(str(pictures / f"{width}.png"))
        plan = await plan_renewal(uploader, 7)
        api.on_upload = lambda _: reply(429, {"error": "daily_limit"})
        batch = await renew(uploader, plan.renewals)
    assert (len(plan.renewals), batch.uploads, len(batch.retry)) == (3, (), 3)
    assert replacements(plan, batch) == {}


async def test_without_a_history_nothing_can_be_renewed(pictures):
    async with uploading(pictures, Api().transport, history=False) as uploader:
        with pytest.raises(SettingsError, match="Earlier uploads are not known"):
            await plan_renewal(uploader, 7)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        pytest.param(f"![a]({OLD})", f"![a]({NEW})", id="markdown"),
        pytest.param(f'<img src="{OLD}">', f'<img src="{NEW}">', id="html"),
        pytest.param(f"<img src={OLD}>", f"<img src={NEW}>", id="html-without-quotes"),
        pytest.param(f"See {OLD}.", f"See {NEW}.", id="end-of-a-sentence"),
        pytest.param(f"{OLD}, {OLD}; {OLD}", f"{NEW}, {NEW}; {NEW}", id="in-a-list"),
        pytest.param(f"{OLD}#part", f"{NEW}#part", id="fragment"),
        pytest.param(f"{OLD}2", None, id="longer-name"),
        pytest.param(f"{OLD}.bak", None, id="longer-ending"),
        pytest.param(f"{OLD}/more", None, id="deeper-path"),
        pytest.param(f"{OLD}?v=2", None, id="query"),
        pytest.param(f"{OLD}%20x", None, id="escaped-name"),
        pytest.param("https://i.example/A.png", None, id="other-case"),
    ],
)
def test_exactly_the_old_urls_are_replaced(text: str, changed: str | None):
    assert replaced(text, {OLD: NEW})[0] == (changed or text)


def test_an_url_as_html_escapes_it_is_replaced_and_two_do_not_chain():
    urls = {"https://i.example/a?x=1&y=2": OLD, OLD: NEW}
    assert replaced(f"https://i.example/a?x=1&amp;y=2 {OLD}", urls) == (f"{OLD} {NEW}", 2)


def test_a_document_is_rewritten_as_a_whole_or_not_at_all(tmp_path: Path):
    (tmp_path / "a.md").write_bytes(f"![]({OLD})\r\n".encode())
    roots = Roots.resolve((tmp_path,))
    (document,) = documents((str(tmp_path / "a.md"),), roots)
    assert rewrite(document, {OLD: NEW}, roots) == 1
    assert (tmp_path / "a.md").read_bytes() == f"![]({NEW})\r\n".encode()
    with pytest.raises(ReadRefused, match="was edited while"):
        rewrite(document, {OLD: NEW}, roots)


@pytest.mark.parametrize("name", ["notes.txt", "missing.md"])
def test_what_is_no_document_is_refused_before_anything_is_sent(tmp_path: Path, name: str):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ReadRefused):
        documents((str(tmp_path / name),), Roots.resolve((tmp_path,)))
