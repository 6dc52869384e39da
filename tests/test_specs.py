"""docs/specs agree with the wire models and tables, and every page that the code cites exists."""

import re
from pathlib import Path

import pytest

from img402_mcp.wire import img402, io42, studio, x402

ROOT = Path(__file__).parent.parent
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "specs").glob("*.md")}
CODES = [("img402", code, status) for code, status in img402.STATUS_OF.items()] + [
    ("io42", code, status) for code, status in io42.STATUS_OF.items()
]


def test_each_protocol_has_a_page():
    assert sorted(PAGES) == ["img402", "io42", "studio", "x402"]


@pytest.mark.parametrize(("page", "code", "status"), CODES)
def test_every_code_is_on_its_page_with_its_status(page: str, code: str, status: int):
    ways = (f"| {status} | `{code}` |", f"| `{code}` | {status} |", f"`{code}` ({status})")
    assert any(way in PAGES[page] for way in ways)


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        pytest.param("img402", f"`POST {img402.FREE}`", id="free"),
        pytest.param("img402", f"`POST {img402.TOKEN}`", id="token"),
        pytest.param("img402", f"`POST {img402.PAID}`", id="paid"),
        pytest.param("img402", f"`GET {img402.OPENAPI}`", id="openapi"),
        pytest.param("img402", f"`{img402.WELL_KNOWN}`", id="well-known"),
        pytest.param("img402", f"the header `{img402.TOKEN_HEADER}`", id="token-header"),
        pytest.param("img402", f"the field `{img402.FIELD}`", id="img402-field"),
        pytest.param("io42", io42.SUBMISSION, id="submission"),
        pytest.param("io42", f"| size | {io42.MAX_BYTES // 1_048_576} MB |", id="io42-size"),
        pytest.param("io42", f"{io42.MIN_PIXELS} to {io42.MAX_PIXELS} pixels", id="io42-pixels"),
        pytest.param("io42", f"good for {io42.URL_MINUTES} minutes", id="io42-url"),
        pytest.param("io42", f"more than {io42.REQUESTS_AN_HOUR} requests", id="io42-hourly"),
        pytest.param("studio", f"`POST {studio.UPLOADS}`", id="uploads"),
        pytest.param("studio", f"whose field `{studio.FIELD}`", id="studio-field"),
        pytest.param("studio", f"at most {studio.MAX_BYTES // 1_048_576} MB", id="studio-size"),
        *(pytest.param("x402", f"`{header}`", id=header) for header in x402.PAYMENT_HEADERS.values()),
        *(pytest.param("x402", f"`{header}`", id=header) for header in x402.RECEIPT_HEADERS.values()),
        *(
            pytest.param(
                "x402",
                f"| `{each.name}` | `{each.caip2}` | {each.chain_id} | `{each.usdc}` | `{each.domain_name}`, "
                f"`{each.domain_version}` |",
                id=each.name,
            )
            for each in x402.NETWORKS.values()
        ),
    ],
)
def test_a_page_agrees_with_the_wire(page: str, sentence: str):
    assert sentence in PAGES[page]


def test_every_document_that_the_code_cites_exists():
    files = [*ROOT.glob("img402_mcp/**/*.py"), *ROOT.glob("tests/**/*.py")]
    cited = {(name, file.name) for file in files for name in re.findall(r"docs/[\w/-]+\.md", file.read_text("utf-8"))}
    assert {(name, file) for name, file in cited if not (ROOT / name).is_file()} == set()
    assert {name for name, _ in cited} >= {f"docs/specs/{page}.md" for page in ("img402", "io42", "studio", "x402")}
