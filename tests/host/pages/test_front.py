"""The page for people: it shows the limits in force, and loads nothing from anywhere else."""

import json
import re
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from httpx2 import AsyncClient
from mcp import Client, StdioServerParameters

from img402_mcp.host.app import create_app
from img402_mcp.host.pages.front import content_security_policy, curl_line
from img402_mcp.host.settings import host_settings
from tests.fakes.fixtures import Hosting
from tests.fakes.keys import PAYEE

PAGES = Path(__file__).parents[3] / "img402_mcp" / "host" / "pages"
EXAMPLE = Path(__file__).parents[3] / "mcp.json.example"
PAYING = {
    "IMG402_HOST_PAY_TO": PAYEE,
    "IMG402_HOST_FACILITATOR_URL": "https://facilitator.example",
}
PLAYING = {"IMG402_HOST_PAY_TO": PAYEE, "IMG402_HOST_FACILITATOR": "play"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: https://i.example; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def section(html: str, name: str) -> dict[str, str]:
    """The terms and their values under the heading with this id."""
    (found,) = re.findall(rf'<section[^>]* aria-labelledby="{name}">(.*?)</section>', html, re.DOTALL)
    return {unescape(term): unescape(value) for term, value in re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", found)}


def snippets(html: str) -> list[str]:
    return [unescape(found) for found in re.findall("<pre><code>(.*?)</code></pre>", html, re.DOTALL)]


def links(html: str) -> list[str]:
    return re.findall(r'(?:src|href|action)="([^"]*)"', html)


async def html_of(hosting: Hosting, **environ: str) -> str:
    async with hosting(**environ) as client:
        return (await client.get("/")).text


async def test_the_page_is_revalidated_and_its_policy_allows_nothing_else(client: AsyncClient):
    answer = await client.get("/")
    headers = dict(answer.headers)
    assert re.fullmatch('"[0-9a-f]{16}"', headers.pop("etag"))
    assert re.fullmatch("[0-9a-f]{16}", headers.pop("x-request-id"))
    assert (answer.status_code, headers) == (
        200,
        {
            "content-type": "text/html; charset=utf-8",
            "content-length": str(len(answer.content)),
            "cache-control": "no-cache",
            "content-security-policy": POLICY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )


@pytest.mark.parametrize(
    ("public_url", "images"),
    [
        pytest.param("https://i.example/team/pictures", "https://i.example", id="without-its-path"),
        pytest.param("http://[::1]:4020", "http://[::1]:4020", id="ipv6"),
        pytest.param("https://i.example;script-src,*", "https://i.example%3Bscript-src%2C%2A", id="no-new-rule"),
    ],
)
def test_images_may_come_only_from_the_public_address(public_url: str, images: str):
    assert content_security_policy(public_url) == POLICY.replace("https://i.example", images)


async def test_head_answers_like_get_without_the_body(client: AsyncClient):
    got, head = await client.get("/"), await client.head("/")
    for answer in (got, head):
        del answer.headers["x-request-id"]
    assert (head.status_code, head.headers, head.content) == (200, got.headers, b"")


async def test_a_cached_page_is_not_sent_again(client: AsyncClient):
    etag = (await client.get("/")).headers["etag"]
    known = await client.get("/", headers={"If-None-Match": f'"other", W/{etag}'})
    other = await client.get("/", headers={"If-None-Match": '"other"'})
    assert (known.status_code, known.content, other.status_code) == (304, b"", 200)


async def test_everything_the_page_loads_comes_from_the_host_and_is_cached_for_good(client: AsyncClient):
    html = (await client.get("/")).text
    loaded = {link for link in links(html) if link.startswith("assets/")}
    answers = {link: await client.get(f"/{link}") for link in loaded}
    assert {
        (re.sub("-[0-9a-f]{16}", "", link), answer.headers["content-type"]) for link, answer in answers.items()
    } == {
        ("assets/page.css", "text/css; charset=utf-8"),
        ("assets/page.js", "text/javascript; charset=utf-8"),
        ("assets/icon.svg", "image/svg+xml; charset=utf-8"),
    }
    for answer in answers.values():
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_old_assets_name_is_not_found(client: AsyncClient):
    gone, other = await client.get("/assets/page-0000000000000000.js"), await client.get("/a/b")
    for answer in (gone, other):
        del answer.headers["x-request-id"]
    assert (gone.status_code, gone.content, gone.headers) == (404, other.content, other.headers)


async def test_the_page_names_no_other_origin_and_contains_nothing_that_its_policy_forbids(hosting: Hosting):
    html = await html_of(hosting, **PLAYING)
    own = {"openapi.json", ".well-known/x402", "api/free"}
    assert {link for link in links(html) if not link.startswith("assets/")} == own
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script>|<script [^>]*>[^<]", html) == []


@pytest.mark.parametrize("name", sorted(path.name for path in PAGES.iterdir() if path.suffix not in {".py", ""}))
def test_no_file_of_the_page_refers_to_another_origin(name: str):
    text = (PAGES / name).read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert re.findall(r"//[\w\[]|url\(|@import|\bimport\b|innerHTML|outerHTML|insertAdjacent|eval\(", text) == []


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        pytest.param(
            {},
            {"Size": "up to 1 MB", "Kept": "for 7 days", "A day": "1,000 from one address, 10,000 in all"},
            id="defaults",
        ),
        pytest.param(
            {
                "IMG402_HOST_FREE_MAX_BYTES": "2500000",
                "IMG402_HOST_FREE_DAYS": "1",
                "IMG402_HOST_FREE_DAILY": "0",
                "IMG402_HOST_FREE_DAILY_PER_ADDRESS": "3",
            },
            {"Size": "up to 2.384 MB", "Kept": "for 1 day", "A day": "3 from one address"},
            id="set",
        ),
        pytest.param(
            {
                "IMG402_HOST_FREE_DAYS": "0",
                "IMG402_HOST_FREE_DAILY": "0",
                "IMG402_HOST_FREE_DAILY_PER_ADDRESS": "0",
            },
            {"Size": "up to 1 MB", "Kept": "for good", "A day": "no limit"},
            id="without-limits",
        ),
    ],
)
async def test_the_limits_in_force_are_shown(hosting: Hosting, environ: dict[str, str], shown: dict[str, str]):
    html = await html_of(hosting, **environ)
    assert section(html, "limits") == {"Types": "PNG, JPEG, GIF and WebP", **shown}
    assert f'data-max-bytes="{environ.get("IMG402_HOST_FREE_MAX_BYTES", "1048576")}"' in html
    assert 'name="image" accept="image/png,image/jpeg,image/gif,image/webp"' in html


async def test_a_host_that_sells_nothing_names_no_price(client: AsyncClient):
    html = (await client.get("/")).text
    assert re.findall("USDC|Paid|PLAY MONEY|wallet", html) == []


async def test_prices_are_shown_where_uploads_are_sold(hosting: Hosting):
    html = await html_of(hosting, **PAYING, IMG402_HOST_PRICE="0.25", IMG402_HOST_PAID_DAYS="0")
    shown = {"Price": "0.25 USDC on base", "Size": "up to 5 MB", "Kept": "for good"}
    assert section(html, "paid") == shown
    assert "img402-mcp price https://i.example/api/upload/token" in snippets(html)
    assert "PLAY MONEY" not in html


async def test_play_money_is_announced(hosting: Hosting):
    html = await html_of(hosting, **PLAYING)
    assert '<p class="play"><strong>PLAY MONEY.</strong> Payments on this host move nothing' in html
    assert section(html, "paid")["Price"] == "PLAY MONEY, worth nothing: 0.01 USDC on base-sepolia"


async def test_the_public_address_is_escaped_everywhere(data: Path):
    app = create_app(host_settings({}, data=data, public_url="https://i&lt;b.example/a&copy=1;b"))
    async with AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://elsewhere.example") as client:
        html = (await client.get("/")).text
    assert "<title>Drop an image, get a link · i&amp;lt;b.example</title>" in html
    assert re.findall(r"i&(?!amp;)[^\s]*|/a&(?!amp;)[^\s]*|elsewhere", html) == []
    assert snippets(html)[0] == "curl -F image=@screenshot.png 'https://i&lt;b.example/a&copy=1;b/api/free'"


def test_the_curl_line_is_plain_where_it_can_be():
    assert curl_line("https://i.example") == "curl -F image=@screenshot.png https://i.example/api/free"


async def test_the_configuration_is_the_example_with_this_host_in_it(client: AsyncClient):
    (server,) = json.loads(snippets((await client.get("/")).text)[-1])["mcpServers"].values()
    (example,) = json.loads(EXAMPLE.read_text(encoding="utf-8"))["mcpServers"].values()
    assert server == {**example, "env": {"IMG402_API_URL": "https://i.example", **example["env"]}}


async def test_an_agent_with_that_configuration_uploads_here(
    server: SimpleNamespace, sample: Callable[[str], bytes], tmp_path: Path
):
    (tmp_path / "shot.png").write_bytes(sample("plain.png"))
    async with AsyncClient() as client:
        text = snippets((await client.get(server.url)).text)[-1]
        text = text.replace("/absolute/path/to/your/screenshots", str(tmp_path))
        text = text.replace("/absolute/path/to/img402-mcp/.venv/bin", str(Path(sys.executable).parent))
        (shown,) = json.loads(text)["mcpServers"].values()
        async with Client(StdioServerParameters(**shown)) as agent:
            answer = await agent.call_tool("upload_free", {"path": str(tmp_path / "shot.png")})
        url = answer.structured_content["url"]
        assert url.startswith(f"{server.url}/")
        assert (await client.get(url)).content == sample("plain.png")
