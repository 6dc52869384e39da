"""Where a document names local images, and the same document with URLs in their places."""

import time

import pytest

from img402_mcp.client.publish.publish import FOUND_BY, references
from img402_mcp.client.publish.references import Kind, LeftAlone, is_local, path_in, rewritten, with_fragment

HIDDEN = "it stands in an HTML comment, or in an element whose content is no markup"


def numbered(text: str, kind: Kind = Kind.MARKDOWN) -> str:
    """The text with U0, U1, ... in place of its local images."""
    found = references(text, kind).references
    return rewritten(text, {reference: f"U{number}" for number, reference in enumerate(found)})


def targets(text: str, kind: Kind = Kind.MARKDOWN) -> list[str]:
    return [reference.target for reference in references(text, kind).references]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("![a](p.png)", "![a](U0)", id="inline"),
        pytest.param("![](p.png)", "![](U0)", id="no-alt"),
        pytest.param("![a](p.png 'one \"two\"')", "![a](U0 'one \"two\"')", id="title"),
        pytest.param("![a](  p.png  (t)  )", "![a](  U0  (t)  )", id="title-in-parentheses"),
        pytest.param("![a](<my shot (1).png>)", "![a](U0)", id="angle-brackets"),
        pytest.param("![a](shot(1).png)", "![a](U0)", id="balanced-parentheses"),
        pytest.param(r"![a](shot\(1.png)", "![a](U0)", id="escaped-parenthesis"),
        pytest.param("![a](my%20shot.png)", "![a](U0)", id="percent-encoded"),
        pytest.param("![a](a&amp;b.png)", "![a](U0)", id="entity"),
        pytest.param("![a](file:///tmp/p.png)", "![a](U0)", id="file-url"),
        pytest.param(r"![a \](x.png) b](p.png)", r"![a \](x.png) b](U0)", id="escaped-bracket-in-alt"),
        pytest.param("![`](x.png)`](p.png)", "![`](x.png)`](U0)", id="code-span-in-alt"),
        pytest.param("![a [l](x) b](p.png)", "![a [l](x) b](U0)", id="link-in-alt"),
        pytest.param("![a ![b](q.png)](p.png)", "![a ![b](q.png)](U0)", id="an-image-in-alt-text-is-text"),
        pytest.param("![a <img src=q.png>](p.png)", "![a <img src=q.png>](U0)", id="html-in-alt-text-is-text"),
        pytest.param("[![a](p.png)](p.png)", "[![a](U0)](p.png)", id="a-link-around-it-stays"),
        pytest.param("[a](p.png)", "[a](p.png)", id="link"),
        pytest.param("![a](\n  p.png\n  't')", "![a](\n  U0\n  't')", id="over-lines"),
        pytest.param("> ![a](\n> p.png\n> 't')", "> ![a](\n> U0\n> 't')", id="over-lines-of-a-quote"),
        pytest.param("- a\n\n  > - ![a](p.png)", "- a\n\n  > - ![a](U0)", id="nested-blocks"),
        pytest.param("|a|\n|-|\n|![a](p\\|q.png)|", "|a|\n|-|\n|![a](U0)|", id="table"),
        pytest.param("a[^1]\n\n[^1]: ![a](p.png)", "a[^1]\n\n[^1]: ![a](U0)", id="footnote"),
        pytest.param("# ![a](p.png)\r\n\r\nb  \r\n", "# ![a](U0)\r\n\r\nb  \r\n", id="crlf-and-trailing-spaces"),
        pytest.param("\ufeff# ![ä](ö.png)\n", "\ufeff# ![ä](U0)\n", id="byte-order-mark"),
        pytest.param("\ufeff---\na: ![a](p.png)\n---\n", "\ufeff---\na: ![a](p.png)\n---\n", id="behind-a-mark"),
        pytest.param("😀 ![é](a.png) ß ![ü](b.png)", "😀 ![é](U0) ß ![ü](U1)", id="many-bytes-a-character"),
        pytest.param("---\na: ![a](p.png)\n---\n![b](q.png)", "---\na: ![a](p.png)\n---\n![b](U0)", id="front-matter"),
    ],
)
def test_an_inline_image_names_the_url(text, expected):
    assert numbered(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("![a][r]\n\n[r]: p.png 't'", "![a][r]\n\n[r]: U0 't'", id="full"),
        pytest.param("![r][] ![r]\n\n[r]: <my p.png>\n  't'", "![r][] ![r]\n\n[r]: U0\n  't'", id="short"),
        pytest.param("![a][R  ß]\n\n[r\nSS]: p.png", "![a][R  ß]\n\n[r\nSS]: U0", id="label-folded"),
        pytest.param("![a\\]b]\n\n[a\\]b]: p.png", "![a\\]b]\n\n[a\\]b]: U0", id="bracket-in-label"),
        pytest.param("> [r]:\n> p.png\n\n![r]", "> [r]:\n> U0\n\n![r]", id="defined-in-a-quote"),
        pytest.param("![r]\n\n[r]: p.png\n[r]: q.png", "![r]\n\n[r]: U0\n[r]: q.png", id="the-first-counts"),
        pytest.param("[r]\n\n[r]: p.png", "[r]\n\n[r]: p.png", id="of-a-link"),
        pytest.param("[s]: q.png\n\n[r]: p.png\n\n![r]", "[s]: q.png\n\n[r]: U0\n\n![r]", id="unused"),
        pytest.param("![none]", "![none]", id="undefined"),
    ],
)
def test_a_definition_names_the_url_once_for_all_images_of_its_label(text, expected):
    assert numbered(text) == expected


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('<img src="p.png" width="3">', '<img src="U0" width="3">', id="double-quotes"),
        pytest.param("<IMG WIDTH=3 SRC='my p.png'/>", "<IMG WIDTH=3 SRC='U0'/>", id="single-quotes"),
        pytest.param("<img src=p.png>", "<img src=U0>", id="no-quotes"),
        pytest.param("<img\n src =\n 'p.png'\n />", "<img\n src =\n 'U0'\n />", id="over-lines"),
        pytest.param('<img src="a&amp;b.png">', '<img src="U0">', id="entity"),
        pytest.param('<img alt="a > src=q" src="p.png">', '<img alt="a > src=q" src="U0">', id="sign-in-a-value"),
        pytest.param("<img data-src=q.png src=p.png src=r.png>", "<img data-src=q.png src=U0 src=r.png>", id="first"),
        pytest.param("<p><img src=p.png>é<img src=q.png></p>", "<p><img src=U0>é<img src=U1></p>", id="two"),
        pytest.param("<img src=p.png", "<img src=p.png", id="unfinished"),
        pytest.param("<a href=p.png>a</a>", "<a href=p.png>a</a>", id="link"),
        pytest.param(
            "<img src=p.png srcset='a.png, b,c.png 2x,d.png(3x), https://e/f 4x'>",
            "<img src=U0 srcset='U1, U2 2x,U3 3x), https://e/f 4x'>".replace("U3 3x)", "U3"),
            id="srcset",
        ),
        pytest.param(
            "<picture><source srcset='a.png 2x'><img src=b.png></picture>",
            "<picture><source srcset='U0 2x'><img src=U1></picture>",
            id="picture",
        ),
    ],
)
def test_html_names_the_url_in_a_document_of_its_own_and_in_markdown(kind, text, expected):
    assert numbered(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a <img src=p.png> ![b](q.png)", "a <img src=U0> ![b](U1)", id="inline"),
        pytest.param("> a <img\n> src=p.png> b", "> a <img\n> src=U0> b", id="inline-over-lines-of-a-quote"),
        pytest.param("> <div>\n> <img\n> src='p.png'>", "> <div>\n> <img\n> src='U0'>", id="block-in-a-quote"),
        pytest.param("- <p>\r\n  <img src=p.png>\r\n", "- <p>\r\n  <img src=U0>\r\n", id="block-in-a-list"),
        pytest.param("<div>\n\n![a](p.png)\n\n</div>", "<div>\n\n![a](U0)\n\n</div>", id="markdown-within"),
    ],
)
def test_html_within_markdown_names_the_url(text, expected):
    assert numbered(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("```\n![a](p.png) <img src=p.png>\n```", id="fence"),
        pytest.param("~~~md\n![a](p.png)", id="fence-without-end"),
        pytest.param("    ![a](p.png)", id="indented-code"),
        pytest.param("`![a](p.png)` ``<img src=p.png>``", id="code-span"),
        pytest.param(r"\![a](p.png) !\[a](p.png) \<img src=p.png>", id="escaped"),
        pytest.param("<!-- ![a](p.png) <img src=p.png> -->", id="comment"),
        pytest.param("a <!-- <img src=p.png> --> b", id="comment-inline"),
        pytest.param("<script>\n'<img src=p.png>'\n</script>", id="script"),
        pytest.param("![a](https://e/p.png) <img src=HTTP://e/p.png>", id="remote"),
        pytest.param("![a](//e/p.png)", id="remote-of-either-scheme"),
        pytest.param("![a](data:image/png;base64,AAAA)", id="data"),
        pytest.param("![a](#p) ![b](?p) ![c]() ![d](<>) <img src> <img src=''>", id="no-path"),
        pytest.param("![a](blob:x) ![b](cid:x) ![c](mailto:x)", id="other-schemes"),
        pytest.param("![a] (p.png) ![a](p q.png) ![a](p.png", id="no-images"),
        pytest.param("[r]: p.png", id="definition-alone"),
    ],
)
def test_whatever_shows_no_local_image_stays_and_is_not_mentioned(text):
    assert references(text, Kind.MARKDOWN) == references("", Kind.MARKDOWN)
    assert numbered(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<div><!--\n\n![a](p.png)\n\n--></div>", LeftAlone("p.png", HIDDEN), id="comment-around-markdown"),
        pytest.param("a <textarea> ![a](p.png)", LeftAlone("p.png", HIDDEN), id="textarea"),
        pytest.param(
            "<video poster=p.png>", LeftAlone("p.png", "<video poster> is not rewritten"), id="poster-of-a-video"
        ),
        pytest.param(
            "<svg><image href=p.png></svg>", LeftAlone("p.png", "<image href> is not rewritten"), id="image-of-svg"
        ),
        pytest.param(
            "![a](\n    >p.png)",
            LeftAlone(">p.png", "its place in the text could not be told"),
            id="quote-like",
        ),
        pytest.param(
            "> <div>\n> <img src='a\n> b.png'>",
            LeftAlone("a\nb.png", "its place in the text could not be told"),
            id="a-name-over-lines-of-a-quote",
        ),
    ],
)
def test_a_local_image_that_is_not_rewritten_is_told_with_the_reason(text, expected):
    found = references(text, Kind.MARKDOWN)
    assert (found.references, found.left_alone) == ((), (expected,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<title><img src=p.png></title>", [], id="title"),
        pytest.param("<style><img src=p.png></style>", [], id="style"),
        pytest.param("<!--><img src=p.png>-->", ["p.png"], id="a-comment-that-ends-at-once"),
        pytest.param("<!-- --!><img src=p.png>", ["p.png"], id="a-comment-that-ends-oddly"),
        pytest.param("<table><img src=p.png></table>", ["p.png"], id="table"),
        pytest.param("\ufeff<!doctype html>\r\n<body>\r\n<img src=ä.png>", ["ä.png"], id="byte-order-mark"),
        pytest.param("![a](p.png)", [], id="markdown"),
    ],
)
def test_an_html_document_shows_what_a_browser_shows(text, expected):
    assert targets(text, Kind.HTML) == expected
    assert numbered(text, Kind.HTML) == text.replace(*(expected[0], "U0") if expected else ("", ""))


HARD = "https://i.example/a(1),b?x=1&copy;=2&y='3'#z"
IN_MARKDOWN = HARD.replace("(1)", "%281%29")


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        pytest.param("![a](p.png 't')", Kind.MARKDOWN, IN_MARKDOWN, id="destination"),
        pytest.param("![a]\n\n[a]: <p q>", Kind.MARKDOWN, IN_MARKDOWN, id="definition"),
        pytest.param("<img src='p.png'>", Kind.HTML, HARD, id="single-quotes"),
        pytest.param("<img src=p.png>", Kind.MARKDOWN, HARD.replace(",", "%2C"), id="no-quotes"),
        pytest.param("<img srcset='p.png 2x'>", Kind.HTML, HARD.replace(",", "%2C"), id="srcset"),
    ],
)
def test_a_url_is_written_so_that_it_is_read_back(text, kind, expected):
    (reference,) = references(text, kind).references
    found = FOUND_BY[kind](rewritten(text, {reference: HARD}))
    assert [each.target for each in found.references] == [expected]


@pytest.mark.parametrize(
    ("target", "path", "url"),
    [
        pytest.param("a%20b.png", "a b.png", "U", id="percent"),
        pytest.param("100%.png", "100%.png", "U", id="percent-alone"),
        pytest.param("%ff.png", "%ff.png", "U", id="percent-without-utf-8"),
        pytest.param("p.png?raw=true", "p.png", "U", id="query"),
        pytest.param("p.png#gh-dark-mode-only", "p.png", "U#gh-dark-mode-only", id="fragment"),
        pytest.param("p.png#a)b", "p.png", "U", id="odd-fragment"),
        pytest.param(" C:\\p.png ", "C:\\p.png", "U", id="drive"),
        pytest.param("file:///a%20b.png?x#y", "file:///a%20b.png", "U#y", id="file-url"),
    ],
)
def test_a_target_means_a_path_as_in_any_url(target, path, url):
    assert is_local(target)
    assert (path_in(target), with_fragment("U", target)) == (path, url)


MARKS = ("![", "![a](", "<img ", "<", ">", "[^1]: ", "|a", "`", "<!--", "&amp;", "<div>", "![a]", "\\", "<p><b><i>")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("mark", MARKS)
def test_no_bomb_of_one_mark_takes_long(mark, kind):
    began = time.process_time()
    references(mark * (10_000 // len(mark)), kind)
    assert time.process_time() - began < 2


def test_thousands_of_images_are_found_within_seconds():
    began = time.process_time()
    text = "![ä](p(1).png) <img src=q.png>\n\n" * 1_000
    assert len(references(text, Kind.MARKDOWN).references) == 2_000
    assert time.process_time() - began < 4
