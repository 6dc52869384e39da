"""Where a document names local images, and the same document with URLs in their places."""

import pytest

from img402_mcp.client.files.documents import MAX_BYTES
from img402_mcp.client.publish.commonmark import IN_COMMENT
from img402_mcp.client.publish.html import NOT_PLACED, hidden_in
from img402_mcp.client.publish.prepared import IN_BLOCK, UNCLOSED
from img402_mcp.client.publish.publish import FOUND_BY, references
from img402_mcp.client.publish.references import TEMPLATE, Kind, LeftAlone, rewritten
from tests.fakes.growth import is_linear
from tests.fakes.posix import CLOCK


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
        pytest.param(
            "---\r\na: ![a](p.png)\r\n...\r\n![b](q.png)", "---\r\na: ![a](p.png)\r\n...\r\n![b](U0)", id="dots"
        ),
        pytest.param("---\n\n![a](p.png)\n\n---\n", "---\n\n![a](U0)\n\n---\n", id="a-rule-is-no-front-matter"),
        pytest.param("x\n\n---\n# A\n![a](p.png)\n---\n", "x\n\n---\n# A\n![a](U0)\n---\n", id="nor-is-a-slide"),
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
        pytest.param("![a][r]\n\n[R]: my shot.png", "![a][r]\n\n[R]: U0", id="bare-spaces"),
        pytest.param("![r]\r\n\r\n[r]: my shot.png 't'\r\n", "![r]\r\n\r\n[r]: U0 't'\r\n", id="bare-spaces-and-title"),
        pytest.param("![r][]\n\n> [r]: my shot.png", "![r][]\n\n> [r]: U0", id="bare-spaces-in-a-quote"),
        pytest.param("![r]\n\n[r]: p.png =3x2", "![r]\n\n[r]: U0 =3x2", id="size"),
        pytest.param("![r]\n[r]: my shot.png", "![r]\n[r]: my shot.png", id="bare-spaces-in-a-paragraph"),
        pytest.param("![r]\n\n`\n[r]: my shot.png`", "![r]\n\n`\n[r]: my shot.png`", id="bare-spaces-in-code"),
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
        pytest.param("<img x-src=q.png src=p.png src=r.png>", "<img x-src=q.png src=U0 src=r.png>", id="first"),
        pytest.param("<image src=p.png>", "<image src=U0>", id="another-name-of-img"),
        pytest.param("<img data-src=p.png src=q.png>", "<img data-src=U0 src=U1>", id="lazy"),
        pytest.param("<img data-srcset='p.png, q.png 2x'>", "<img data-srcset='U0, U1 2x'>", id="lazy-candidates"),
        pytest.param("<div data-src=p.png>", "<div data-src=U0>", id="lazy-background"),
        pytest.param("<iframe data-src=p.html></iframe>", "<iframe data-src=p.html></iframe>", id="lazy-page"),
        pytest.param("<link imagesrcset='p.png 2x'>", "<link imagesrcset='U0 2x'>", id="preloaded"),
        pytest.param(
            "<table background=p.png><tr><td background=q.png></table>",
            "<table background=U0><tr><td background=U1></table>",
            id="background",
        ),
        pytest.param("<div background=p.png>", "<div background=p.png>", id="no-background"),
        pytest.param("<td background=p.png>", "<td background=p.png>", id="no-table"),
        pytest.param("<source srcset=p.png>", "<source srcset=p.png>", id="no-picture"),
        pytest.param(
            "<p style='background: url(p.png), URL( \"q r.png\" )'>",
            "<p style='background: url(U0), URL( \"U1\" )'>",
            id="style-attribute",
        ),
        pytest.param(
            '<p style="background:url(&quot;p.png&quot;)">',
            '<p style="background:url(&quot;U0&quot;)">',
            id="style-attribute-with-references",
        ),
        pytest.param("<p style=background:url(p.png)>", "<p style=background:url(U0)>", id="style-without-quotes"),
        pytest.param(
            "<style>\np{background:url('p.png')}\n</style>", "<style>\np{background:url('U0')}\n</style>", id="style"
        ),
        pytest.param(
            "<style>/* url(p.png) */ p{content:'url(p.png)';src:url(p.woff);fill:url(#p);x:my-url(p.png)}</style>",
            "<style>/* url(p.png) */ p{content:'url(p.png)';src:url(p.woff);fill:url(#p);x:my-url(p.png)}</style>",
            id="style-that-names-none",
        ),
        pytest.param(
            "<style>p{a:url(p\\20 q.png);b:url('r\\.png')}</style>",
            "<style>p{a:url(U0);b:url('U1')}</style>",
            id="css-escapes",
        ),
        pytest.param(
            "<style>p{a:image-set('p.png' 1x, url(q.png) type('x.png'), f('y.png'))}</style>",
            "<style>p{a:image-set('U0' 1x, url(U1) type('x.png'), f('y.png'))}</style>",
            id="image-set",
        ),
        pytest.param(
            "<p style='a:-WEBKIT-image-set( /* ( */ &quot;p.png&quot; 1x), url(q.png)'>",
            "<p style='a:-WEBKIT-image-set( /* ( */ &quot;U0&quot; 1x), url(U1)'>",
            id="image-set-in-an-attribute",
        ),
        pytest.param(
            "<style>@import 'p.png';@namespace/**/ url(p.png);@imports url(q.png);x-image-set('p.png')</style>",
            "<style>@import 'p.png';@namespace/**/ url(p.png);@imports url(U0);x-image-set('p.png')</style>",
            id="css-that-names-no-image",
        ),
        pytest.param(
            "<p><template shadowrootmode=Open><img src=p.png></template></p>",
            "<p><template shadowrootmode=Open><img src=U0></template></p>",
            id="shadow-root",
        ),
        pytest.param(
            "<x-y> <template shadowrootmode=closed><base href=a/><img src=p.png></template></x-y>",
            "<x-y> <template shadowrootmode=closed><base href=a/><img src=U0></template></x-y>",
            id="a-base-in-a-shadow-root-counts-for-nothing",
        ),
        pytest.param(
            "<img srcset=' ,p.png 1x , q.png 2x ,'>", "<img srcset=' ,U0 1x , U1 2x ,'>", id="srcset-of-commas"
        ),
        pytest.param("<img srcset='p.png,q.png'>", "<img srcset='U0'>", id="srcset-without-a-space-is-one-url"),
        pytest.param("<img srcset='a&comma;b.png 1x,c.png'>", "<img srcset='U0 1x,U1'>", id="srcset-with-references"),
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


SHADOW = "<template shadowrootmode=open>"
IN_SPAN = '<span><img alt="p" src="U0" width="30"></span>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("![a](my shot.png)", "![a](U0)", id="bare-spaces"),
        pytest.param('![a](my shot.png "t")', '![a](U0 "t")', id="bare-spaces-and-title"),
        pytest.param("![a](my (1) shot.png)", "![a](U0)", id="bare-spaces-and-parentheses"),
        pytest.param("![a *b* `c`](my shot.png)", "![a *b* `c`](U0)", id="bare-spaces-and-a-rich-alternative"),
        pytest.param("[![a](my shot.png)](x)", "[![a](U0)](x)", id="bare-spaces-in-a-link"),
        pytest.param("| a |\n|-|\n| ![a](my shot.png) |", "| a |\n|-|\n| ![a](U0) |", id="bare-spaces-in-a-table"),
        pytest.param("> ![é](mön shot.png)", "> ![é](U0)", id="bare-spaces-and-many-bytes"),
        pytest.param("![a](my shot.png#x?y)", "![a](U0)", id="bare-spaces-and-a-fragment"),
        pytest.param("![a](p.png =300x200)", "![a](U0 =300x200)", id="size"),
        pytest.param("![a](p.png =300x)", "![a](U0 =300x)", id="width"),
        pytest.param("![a](p.png =x20)", "![a](U0 =x20)", id="height"),
        pytest.param("![a](p.png =50%)", "![a](U0 =50%)", id="share"),
        pytest.param("![a](my shot.png 't' =3x2)", "![a](U0 't' =3x2)", id="bare-spaces-title-and-size"),
        pytest.param("![a](<my shot.png> =3x2)", "![a](U0 =3x2)", id="angle-brackets-and-size"),
        pytest.param("![a](p.png =3x2 't')", "![a](U0 =3x2 't')", id="size-and-title"),
        pytest.param("![[img/p.png]]", "![p](U0)", id="wikilink"),
        pytest.param("![[my shot.png|300]]", '<img alt="my shot" src="U0" width="300">', id="wikilink-width"),
        pytest.param("![[p.png|300x200]]", '<img alt="p" src="U0" width="300" height="200">', id="wikilink-size"),
        pytest.param("![[p.png|A < B|30]]", '<img alt="A &lt; B" src="U0" width="30">', id="wikilink-words-and-width"),
        pytest.param("![[p_q.png|*A*]]", r"![\*A\*](U0)", id="wikilink-words"),
        pytest.param("![[p.png|30x]] x", '<img alt="p" src="U0" width="30"> x', id="wikilink-width-and-x"),
        pytest.param("![[p.png|x20px]] x", '<img alt="p" src="U0" height="20"> x', id="wikilink-height"),
        pytest.param("![[p.png|x]] x", "![x](U0) x", id="wikilink-x-is-a-word"),
        pytest.param("[[File:p.png|30px]] x", '<img alt="p" src="U0" width="30"> x', id="mediawiki"),
        pytest.param("[[Image:i\\p.png]]", "![p](U0)", id="mediawiki-and-a-backslash"),
        pytest.param("[[p.png]] and [[ q.png ]]", "![p](U0) and ![q](U1)", id="gollum"),
        pytest.param(
            "[[p.png|alt=A b|width=30px|height=50%]]",
            '<img alt="A b" src="U0" width="30" height="50%">',
            id="gollum-size",
        ),
        pytest.param(
            "|a|\n|-|\n|![[p.png\\|30]]|", '|a|\n|-|\n|<img alt="p" src="U0" width="30">|', id="wikilink-in-a-table"
        ),
        pytest.param("![[x]](p.png)", "![[x]](U0)", id="an-image-that-looks-like-a-wikilink"),
        *(
            pytest.param(f"{before}![[p.png|30]]{behind}", f"{before}{IN_SPAN}{behind}".replace("q.png", "U1"), id=name)
            for name, before, behind in (
                ("size-and-text-below", "", "\n![a](q.png)"),
                ("size-and-text-below-over-crlf", "", "\r\n![a](q.png)"),
                ("size-and-text-below-in-a-quote", "> ", "\n> ![a](q.png)"),
                ("size-and-text-below-in-a-list", "1. ", "  \n   ![a](q.png)"),
                ("size-and-text-below-in-a-footnote", "[^1]\n\n[^1]: ", "\n    ![a](q.png)"),
                ("size-behind-an-unfinished-tag", "<TABLE\n\n", ""),
                ("size-behind-an-unfinished-tag-of-a-quote", "> <div\n>\n> ", ""),
                ("size-behind-an-unfinished-tag-of-a-list", "- <p\n- ", ""),
            )
        ),
        pytest.param("\ufeff![[p.png]] ![a](q r.png)", "\ufeff![p](U0) ![a](U1)", id="behind-a-mark"),
    ],
)
def test_forms_that_commonmark_does_not_know_name_the_url(text, expected):
    assert numbered(text) == expected
    assert numbered(rewritten_with("https://i.example/x.png", text)) == rewritten_with("https://i.example/x.png", text)


def rewritten_with(url: str, text: str) -> str:
    return rewritten(text, dict.fromkeys(references(text, Kind.MARKDOWN).references, url))


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        pytest.param("Set the <title> of your page.", "", id="title"),
        pytest.param("A Vec<style> and a List<script>", "And </style> and </script>.", id="type-parameters"),
        pytest.param("<title>\n\nand </title>", "", id="title-over-blocks"),
        pytest.param("</style>\n\n> <textarea rows=2>", "", id="textarea-that-begins-a-block"),
        pytest.param("a\n\n> <script>\n> a", "", id="script-of-a-quote"),
        pytest.param("a <textarea> b", "</textarea>", id="textarea"),
        pytest.param("<iframe src=x>", "\n</iframe>", id="iframe"),
        pytest.param("<xmp> <noembed> <noframes> <plaintext>", "a </xmp> </noembed> </noframes>", id="the-rest"),
        pytest.param("<div><style></div>", "<div></style></div>", id="style-of-two-blocks"),
        pytest.param("vector<template> and <video> and <noscript>", "", id="unshown-without-end"),
        pytest.param("`<!--` and <svg> and <math>", "`-->`", id="code-and-foreign"),
        pytest.param("{/* and %% and {% comment %}", "", id="comments-without-end"),
        pytest.param("`{/*` and `%%` and `{% comment %}`", "`*/}` `%%` `{% endcomment %}`", id="comments-in-code"),
    ],
)
def test_words_of_prose_hide_no_image_behind_them(before, behind):
    images = "![a](p.png) ![a](q r.png) ![[s.png]] <img src=t.png>\n\n<div><img src=u.png></div>"
    document = f"{before}\n\n{images}\n\n{behind}\n"
    assert sorted(targets(document)) == ["p.png", "q r.png", "s.png", "t.png", "u.png"]


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
        pytest.param("![a] (p.png) ![a](p q.txt) ![a](p.png", id="no-images"),
        pytest.param(r"\![a](p q.png) `![a](p q.png)` `![[p.png]]` \![[p.png]]", id="loose-forms-of-no-image"),
        pytest.param("[0]:[[p.png]]\n[r]:\n ![[p.png|30]]", id="wikilinks-as-destinations"),
        pytest.param("[[p.png]](https://e) [[A page]] ![[note]] ![[a.pdf]]", id="wikilinks-of-no-image"),
        pytest.param("---\ncover: p.png\nx: ![[p.png]]\n---\n", id="front-matter-alone"),
        pytest.param("<meta property=og:image content=p.png>", id="metadata"),
        pytest.param("<iframe srcdoc=\"<img src='p.png'>\"></iframe>", id="srcdoc"),
        pytest.param("{{< figure src='p.png' >}} {% image p.png %}", id="shortcodes"),
        pytest.param("<img src={shot} /> <p style={{ background: 'url(p.png)' }}>", id="jsx"),
        pytest.param("{/* <img src=p.png> */} %% <img src=p.png> %%", id="html-in-a-comment-of-a-dialect"),
        pytest.param("[r]: p.png", id="definition-alone"),
        pytest.param("<pre>![a](p.png)</pre>", id="markdown-in-pre"),
        pytest.param("<?php ![a](p.png)", id="markdown-in-an-instruction"),
    ],
)
def test_whatever_shows_no_local_image_stays_and_is_not_mentioned(text):
    assert references(text, Kind.MARKDOWN) == references("", Kind.MARKDOWN)
    assert numbered(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "<div><!--\n\n![a](p.png)\n\n--></div>", LeftAlone("p.png", IN_COMMENT), id="comment-around-markdown"
        ),
        pytest.param(
            "<div><!--\n\n![[p.png]]\n\n--></div>", LeftAlone("p.png", IN_COMMENT), id="comment-around-a-wikilink"
        ),
        pytest.param("{/* ![a](p.png) */}", LeftAlone("p.png", IN_COMMENT), id="comment-of-jsx"),
        pytest.param("{/*\n\n![a](p.png)\n\n*/}", LeftAlone("p.png", IN_COMMENT), id="comment-of-jsx-over-blocks"),
        pytest.param("{{/* ![a](p.png) */}}", LeftAlone("p.png", IN_COMMENT), id="comment-of-hugo"),
        pytest.param(
            "{% comment %}\n![a](p.png)\n{%- endcomment -%}", LeftAlone("p.png", IN_COMMENT), id="comment-of-liquid"
        ),
        pytest.param("%%\n\n![a](p q.png)\n\n%%", LeftAlone("p q.png", IN_COMMENT), id="comment-of-obsidian"),
        pytest.param(
            "<template>\n\n![a](p.png)\n\n</template>", LeftAlone("p.png", hidden_in("template")), id="template"
        ),
        pytest.param(
            "<noscript>\n\n![a](p.png)\n\n</noscript>", LeftAlone("p.png", hidden_in("noscript")), id="noscript"
        ),
        pytest.param(
            "<video><img src=p.png></video>", LeftAlone("p.png", hidden_in("video")), id="fallback-of-a-video"
        ),
        pytest.param(
            "<canvas><img src=p.png></canvas>", LeftAlone("p.png", hidden_in("canvas")), id="fallback-of-a-canvas"
        ),
        *(
            pytest.param(html, LeftAlone("p.png", hidden_in("template")), id=name)
            for name, html in (
                ("shadow-root-of-no-host", "<a><template shadowrootmode=open><img src=p.png></template></a>"),
                ("shadow-root-of-no-mode", "<p><template shadowrootmode=x><img src=p.png></template></p>"),
                (
                    "shadow-root-in-a-template",
                    "<template><p><template shadowrootmode=open></template><img src=p.png></p></template>",
                ),
                (
                    "second-shadow-root",
                    f"<p>{SHADOW}</template>{SHADOW}<img src=p.png></template>",
                ),
                (
                    "template-in-a-shadow-root",
                    "<p><template shadowrootmode=open><template><img src=p.png></template></template></p>",
                ),
            )
        ),
        pytest.param('<div x="\n\n![a](p.png)', LeftAlone("p.png", IN_COMMENT), id="unfinished-value"),
        pytest.param("<embed src=p.png>", LeftAlone("p.png", "<embed src> is not rewritten"), id="embed"),
        pytest.param("<link href=p.png>", LeftAlone("p.png", "<link href> is not rewritten"), id="icon"),
        pytest.param("![a]({{ url }}/p.png)", LeftAlone("{{ url }}/p.png", TEMPLATE), id="template-language"),
        pytest.param("<img src='{% static p.png %}'>", LeftAlone("{% static p.png %}", TEMPLATE), id="template-tag"),
        pytest.param(
            "[[p.png|frame]]",
            LeftAlone("p.png", "the layout options of its wikilink are not understood: |frame"),
            id="layout-of-a-wikilink",
        ),
        pytest.param(
            "<video poster=p.png>", LeftAlone("p.png", "<video poster> is not rewritten"), id="poster-of-a-video"
        ),
        pytest.param(
            "<svg><image href=p.png></svg>", LeftAlone("p.png", "<image href> is not rewritten"), id="image-of-svg"
        ),
        pytest.param("<div>![a](p.png 't')</div>", LeftAlone("p.png", IN_BLOCK), id="in-a-block-of-html"),
        pytest.param("<p>\n![a](my p.png =3x2)", LeftAlone("my p.png", IN_BLOCK), id="bare-spaces-in-a-block-of-html"),
        pytest.param("> <td>\n> ![[p.png|30]]", LeftAlone("p.png", IN_BLOCK), id="wikilink-in-a-block-of-html"),
        *(
            pytest.param(f"{begin}\n\n![a](p.png)", LeftAlone("p.png", UNCLOSED.format(begin)), id=f"unclosed-{begin}")
            for begin in ("<script>", "<style>", "<pre>", "<!--")
        ),
        pytest.param(
            "![a](\n    >p.png)",
            LeftAlone(">p.png", NOT_PLACED),
            id="quote-like",
        ),
        pytest.param(
            "> <div>\n> <img src='a\n> b.png'>",
            LeftAlone("a\nb.png", NOT_PLACED),
            id="a-name-over-lines-of-a-quote",
        ),
    ],
)
def test_a_local_image_that_is_not_rewritten_is_reported_with_the_reason(text, expected):
    found = references(text, Kind.MARKDOWN)
    assert (found.references, found.left_alone) == ([], [expected])


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
        pytest.param("<img src='a&copyx.png'>", ["a&copyx.png"], id="no-character-reference"),
        pytest.param("<img src='a.png?x&copy=1'>", ["a.png?x&copy=1"], id="no-reference-before-an-equals-sign"),
        pytest.param("<template><img src=q.png></template><img src=p.png>", ["p.png"], id="template"),
        pytest.param("<template><img src=q.png>", [], id="template-without-end"),
        pytest.param("<video><img src=p.png>", ["p.png"], id="video-without-end"),
        pytest.param("<noscript><img src=q.png></noscript><img src=p.png>", ["p.png"], id="noscript"),
        pytest.param("<textarea><img src=q.png>", [], id="raw-text-without-end"),
        pytest.param("<script><!--<script></script><img src=q.png>--></script><img src=p.png>", ["p.png"], id="script"),
        pytest.param("<svg><![CDATA[<img src=q.png>]]></svg><img src=p.png>", ["p.png"], id="cdata-of-svg"),
        pytest.param("<![CDATA[><img src=p.png>]]>", ["p.png"], id="no-cdata-in-html"),
        pytest.param("<svg><style>a{}</svg><img src=p.png>", ["p.png"], id="style-of-svg-without-end"),
        pytest.param("<svg><style>a{b:url(p.png)}</style></svg>", ["p.png"], id="style-of-svg"),
        pytest.param("<svg><img src=p.png>", ["p.png"], id="image-that-ends-svg"),
        pytest.param("<svg></img><image src=q.png></svg><img src=p.png>", ["p.png"], id="end-of-no-image-in-svg"),
        pytest.param("<img><svg></img><image src=q.png></svg><img src=p.png>", ["p.png"], id="end-of-an-image-in-svg"),
        pytest.param("<svg></div></body><image src=q.png></svg><img src=p.png>", ["p.png"], id="end-that-svg-ignores"),
        pytest.param("<div><svg></div><image src=p.png>", ["p.png"], id="end-that-ends-svg"),
        pytest.param("<math><title><p><image src=p.png>", ["p.png"], id="a-title-of-math-holds-no-html"),
        pytest.param("<svg></p><image src=p.png>", ["p.png"], id="end-of-a-paragraph-ends-svg"),
        pytest.param("<svg><desc><img src=p.png></desc></svg>", ["p.png"], id="html-in-svg"),
        pytest.param("{/* <img src=p.png> */}", ["p.png"], id="jsx-means-nothing-here"),
        pytest.param("<!--[if IE]><img src=q.png><![endif]--><img src=p.png>", ["p.png"], id="conditional-comment"),
        pytest.param("<img alt=<!-- src=p.png>", ["p.png"], id="comment-sign-in-a-value"),
    ],
)
def test_an_html_document_shows_what_a_browser_shows(text, expected):
    assert targets(text, Kind.HTML) == expected
    assert numbered(text, Kind.HTML) == text.replace(*(expected[0], "U0") if expected else ("", ""))


def test_a_character_reference_needs_no_end():
    assert targets("<img src='a&copy.png'><img src='a&#97.png'>", Kind.HTML) == ["a©.png", "aa.png"]


HARD = "https://i.example/a(1),b.png?x=1&copy;=2&y='3'#z"
IN_MARKDOWN = HARD.replace("(1)", "%281%29")
IN_CSS = IN_MARKDOWN.replace("'", "%27")


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        pytest.param("![a](p.png 't')", Kind.MARKDOWN, IN_MARKDOWN, id="destination"),
        pytest.param("![a]\n\n[a]: <p q>", Kind.MARKDOWN, IN_MARKDOWN, id="definition"),
        pytest.param("<img src='p.png'>", Kind.HTML, HARD, id="single-quotes"),
        pytest.param("<img src=p.png>", Kind.MARKDOWN, HARD.replace(",", "%2C"), id="no-quotes"),
        pytest.param("<img srcset='p.png 2x'>", Kind.HTML, HARD.replace(",", "%2C"), id="srcset"),
        pytest.param("<style>p{a:url(p.png)}</style>", Kind.HTML, IN_CSS, id="style"),
        pytest.param("<p style='a:url(&#34;p.png&#34;)'>", Kind.HTML, IN_CSS.replace(",", "%2C"), id="style-attribute"),
        pytest.param("![[p.png]]", Kind.MARKDOWN, IN_MARKDOWN, id="wikilink"),
        pytest.param("![[p.png|30]]", Kind.MARKDOWN, HARD, id="wikilink-with-a-size"),
        pytest.param("![a](p q.png)", Kind.MARKDOWN, IN_MARKDOWN, id="bare-space"),
    ],
)
def test_a_url_is_written_so_that_it_is_read_back(text, kind, expected):
    (reference,) = references(text, kind).references
    found = FOUND_BY[kind](rewritten(text, {reference: HARD}))
    assert [each.target for each in found.references] == [expected]


# One text, read more easily than fifty quoted ones. "~" stands for a space.
BOMBS = r"""
![ ![a]( <img~ < > [^1]:~ |a ` <!-- &amp; <div> ![a] \ <p><b><i> ![[ ![[a.png| [[a.png]] ![](a~b.png ![](a~ ![](~~
![](a~" ![a~[b](c)~ {/* %% {% <script> <style>a{b:url( <style>a{b:image-set( <style>a{b:image-set("a.png" @import(((
<style>/* <p~style=' <svg><style> <template> <a~= <a~x=' </ <video></video> <![CDATA[ <svg></math> a.png~
<img~srcset='a, <table~background=a.png>
"""
MARKS = [mark.replace("~", " ") for mark in BOMBS.split()]


@CLOCK
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("mark", MARKS)
def test_no_bomb_of_one_mark_costs_more_than_its_length(mark, kind):
    """Up to a fifth of the longest text that is read."""
    assert is_linear(lambda size: references(mark * (size // len(mark)), kind), MAX_BYTES // 20)


def test_open_formatting_does_not_pile_up():
    """A parser that builds a tree takes 25 s for 2,000 of these."""
    opened = [f"<p><b id={number}>x" for number in range(20_000)]
    assert is_linear(lambda size: references("".join(opened[:size]), Kind.HTML), 5_000)


@pytest.mark.parametrize("kind", Kind)
def test_data_uris_are_passed_over(kind):
    def found(size: int) -> None:
        uri = f"data:image/png;base64,{'A' * size}"
        text = f"![ä]({uri}) ![b](p.png)\n\n<img src='{uri}' srcset='{uri} 2x'><p style='a:url({uri})'><img src=q.png>"
        assert targets(text, kind) == ["p.png", "q.png"][-1 if kind is Kind.HTML else -2 :]

    assert is_linear(found, 1_000_000)


def test_thousands_of_images_are_found():
    def found(size: int) -> None:
        text = "![ä](p(1).png) <img src=q.png>\n\n" * size
        assert len(references(text, Kind.MARKDOWN).references) == 2 * size

    assert is_linear(found, 500)
