"""Which files a document's images are, and what of the images that lie there is left alone and reported."""

import re
from pathlib import Path

import pytest

from img402_mcp.client.files.documents import read_document
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.publish.disk import LINKED, MAX_LISTED, Found, images_of
from img402_mcp.client.publish.publish import references
from img402_mcp.client.publish.references import Kind
from tests.fakes import posix

NAMES = (
    "shot.png",
    "docs/shot.png",
    "docs/full.png",
    "docs/full#1.png",
    "docs/1.png",
    "docs/assets/shot.png",
    "docs/my shot.png",
    "docs/deep/only.png",
    "docs/assets/_s.png",
    "docs/_my/(1) s.png",
    "docs/deep/_my s.png",
)
SPACED = "my shot.png"
BACKSLASH = r'the "\" in it is read as "/"'


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in NAMES:
        place = tmp_path.resolve() / "site" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    return tmp_path.resolve() / "site" / "docs"


def found_in(docs: Path, text: str, name: str = "a.md") -> Found:
    (docs / name).write_text(text, encoding="utf-8")
    roots = Roots.resolve([docs.parent])
    document = read_document(str(docs / name), roots)
    return images_of(document, references(document.text, Kind.HTML if document.is_html else Kind.MARKDOWN), roots)


def files(found: Found, docs: Path) -> list[str]:
    return [Path(path).relative_to(docs).as_posix() for path in found.images]


def listed(found: Found) -> list[str]:
    return [each.target for each in found.left_alone]


@posix.NAMES
@pytest.mark.parametrize(
    ("there", "written", "file", "note"),
    [
        pytest.param(("a b.png",), "a%20b.png", "a b.png", "", id="percent-decoded"),
        pytest.param(("a%20b.png",), "a%20b.png", "a%20b.png", '"%"', id="percent-as-it-is"),
        pytest.param(("a b.png", "a%20b.png"), "a%20b.png", "a b.png", "", id="percent-both"),
        pytest.param((), "a%20b.png", "a b.png", "", id="percent-neither"),
        pytest.param(("a#1.png",), "a#1.png", "a#1.png", '"#"', id="number-sign"),
        pytest.param(("a", "a#1.png"), "a#1.png", "a", "", id="number-sign-both"),
        pytest.param(("a?1.png",), "a?1.png", "a?1.png", '"?"', id="question-mark"),
        pytest.param(("a?b#c%20d.png",), "a?b#c%20d.png", "a?b#c%20d.png", '"%" and "?#"', id="all-of-them"),
        pytest.param(("a?b.png",), "a?b.png#dark", "a?b.png", '"?"', id="question-mark-and-a-fragment"),
        pytest.param(("a b?c.png", "a%20b?c.png"), "a%20b?c.png", "a b", "", id="two-that-are-not-usual"),
        pytest.param(("s.png",), "s.png?v=1#dark", "s.png", "", id="query-and-fragment"),
        pytest.param(("100%.png",), "100%.png", "100%.png", "", id="percent-that-decodes-to-itself"),
        pytest.param(("100%25.png",), "100%25.png", "100%25.png", '"%"', id="encoded-percent-as-it-is"),
    ],
)
@pytest.mark.parametrize("form", ["![a]({})", "<img src='{}'>"], ids=["markdown", "html"])
def test_of_two_readings_of_a_name_the_one_that_is_there_counts(docs, there, written, file, note, form):
    for name in there:
        (docs / name).write_bytes(b"x")
    found = found_in(docs, form.format(written))
    assert files(found, docs) == [file]
    (image,) = found.images.values()
    assert (note in image.note) if note else (image.note == "")


@pytest.mark.parametrize(
    ("text", "name", "file", "note"),
    [
        pytest.param(r"![a](assets\shot.png)", "a.md", "assets/shot.png", BACKSLASH, marks=posix.WORDS, id="markdown"),
        pytest.param(r"<img src='assets\shot.png'>", "a.html", "assets/shot.png", "", id="html"),
        pytest.param("<img src='as\nsets/\tshot.png '>", "a.html", "assets/shot.png", "", id="line-end-and-tab"),
        pytest.param(r"![a](assets\_s.png)", "a.md", "assets/_s.png", BACKSLASH, id="markdown-drops-the-backslash"),
        pytest.param(r"![a](<.\_my\(1) s.png>)", "a.md", "_my/(1) s.png", BACKSLASH, id="in-angle-brackets"),
        pytest.param("![r]\n\n[r]: deep\\_my s.png", "a.md", "deep/_my s.png", BACKSLASH, id="in-a-definition"),
        pytest.param(r"![a](deep\_gone.png)", "a.md", "deep_gone.png", "", id="neither-is-there"),
        pytest.param(
            r"![[assets\shot.png]]",
            "a.md",
            "assets/shot.png",
            BACKSLASH,
            marks=posix.WORDS,
            id="wikilink-with-a-backslash",
        ),
        pytest.param("<img src='file:my%20shot.png'>", "a.html", SPACED, "", id="relative-file-url"),
        pytest.param(
            "<base href=assets/><img src=shot.png>",
            "a.html",
            "assets/shot.png",
            'found as "assets/shot.png"',
            id="base",
        ),
        pytest.param("![[only.png]]", "a.md", "deep/only.png", 'found as "deep/only.png"', id="wikilink-elsewhere"),
        pytest.param("![[shot.png]]", "a.md", "shot.png", "", id="wikilink-here"),
        pytest.param("![[gone.png]]", "a.md", "gone.png", "", id="wikilink-nowhere"),
        pytest.param("![a](only.png)", "a.md", "only.png", "", id="no-search-for-a-plain-image"),
        pytest.param("![a](on%6cy.png)", "a.md", "only.png", "", id="no-search-for-another-reading"),
    ],
)
def test_a_name_is_read_as_its_form_says(docs, text, name, file, note):
    found = found_in(docs, text, name)
    assert files(found, docs) == [file]
    assert [each.note for each in found.images.values()] == [note]


@posix.WORDS
def test_a_file_url_without_a_host_is_a_local_file(docs):
    for written in (f"file:{docs}/shot.png", f"file://{docs}/shot.png", f"FILE://localhost{docs}/shot.png"):
        assert files(found_in(docs, f"<img src='{written}'>", "a.html"), docs) == ["shot.png"]


def test_a_wikilink_that_two_files_have_is_not_guessed(docs):
    (docs / "other").mkdir()
    (docs / "other" / "only.png").write_bytes(b"x")
    assert files(found_in(docs, "![[only.png]]"), docs) == ["only.png"]


OTHERS = [
    pytest.param("---\ncover: shot.png\n---\n", "a.md", ["shot.png"], id="front-matter"),
    pytest.param("+++\nimage = 'assets/shot.png'\n+++\n", "a.md", ["assets/shot.png"], id="front-matter-of-hugo"),
    pytest.param("{{< figure src='my shot.png' >}}", "a.md", [SPACED], id="shortcode"),
    pytest.param("{{< figure src='/docs/full.png' >}}", "a.md", ["/docs/full.png"], id="from-the-top-of-the-site"),
    pytest.param("{% image full.png %}", "a.md", ["full.png"], id="liquid"),
    pytest.param("import x from './assets/shot.png'\n\n<Foo src={x} />", "a.md", ["assets/shot.png"], id="import"),
    pytest.param("<img src={require('./full.png')} />", "a.md", ["full.png"], id="require"),
    pytest.param("<Card cover='my%20shot.png' />", "a.md", [SPACED], id="component"),
    pytest.param("::image{src=full.png}", "a.md", ["full.png"], id="directive"),
    pytest.param("```{figure} full.png\n```", "a.md", ["full.png"], id="directive-in-a-fence"),
    pytest.param("[r]: my shot.png\n\n[a][r]", "a.md", [SPACED], id="definition-with-spaces-of-a-link"),
    pytest.param("[^r]: my shot.png\n\n![r]", "a.md", [SPACED], id="footnote"),
    pytest.param("<iframe srcdoc=\"<img src='full.png'>\"></iframe>", "a.html", ["full.png"], id="srcdoc"),
    pytest.param("<meta property=og:image content=full.png>", "a.html", ["full.png"], id="metadata"),
    pytest.param("<noscript><img src=full.png></noscript>", "a.html", ["full.png"], id="noscript"),
    pytest.param("<embed src=full.png>", "a.html", ["full.png"], id="embed"),
    pytest.param("<link rel=icon href=full.png>", "a.html", ["full.png"], id="icon"),
    pytest.param("<img data-original=full.png>", "a.html", ["full.png"], id="another-way-to-load-late"),
    pytest.param("<style>@import 'full.png';</style>", "a.html", ["full.png"], id="import-of-css"),
    pytest.param("<style>@import /* x */ url(full.png);</style>", "a.html", ["full.png"], id="import-of-css-by-url"),
    pytest.param("<style>p{a:image('full.png')}</style>", "a.html", ["full.png"], id="string-in-css"),
    pytest.param("<img src={`full.png`} />", "a.md", ["full.png"], id="template-literal-of-jsx"),
    pytest.param("<iframe src=full.png></iframe>", "a.html", ["full.png"], id="frame"),
    pytest.param("<input type=image src=full.png>", "a.html", ["full.png"], id="button"),
    pytest.param("<video poster='full.png?x'></video>", "a.html", ["full.png?x"], id="poster"),
    pytest.param("<link rel=preload as=image href=full.png>", "a.html", ["full.png"], id="preload"),
    pytest.param("<object data=full.png></object>", "a.html", ["full.png"], id="object"),
    pytest.param("<svg><image xlink:href='./full.png' /></svg>", "a.html", ["./full.png"], id="image-of-svg"),
    pytest.param("<svg><rect fill='url(full.png)' /></svg>", "a.html", ["full.png"], id="fill-of-svg"),
    pytest.param("<picture><source src=full.png></picture>", "a.html", ["full.png"], id="source-without-srcset"),
    pytest.param("<div data-bg=full.png></div>", "a.html", ["full.png"], id="data-of-a-script"),
    pytest.param("<area href=full.png>", "a.html", ["full.png"], id="area"),
    pytest.param("<script>\n\n![a](full.png)", "a.md", ["full.png"], id="behind-an-open-script"),
    pytest.param("<td>![a](my shot.png)</td>", "a.md", [SPACED], id="markdown-in-html"),
    pytest.param("<pre>![a](full.png)</pre>", "a.md", ["full.png"], id="markdown-in-pre"),
    pytest.param("<script>var x = 'assets/shot.png'</script>", "a.html", ["assets/shot.png"], id="script"),
    pytest.param("<script type=application/json>['full.png']</script>", "a.html", ["full.png"], id="json"),
    pytest.param("<textarea>![a](full.png)</textarea>", "a.html", ["full.png"], id="text"),
    pytest.param("<!-- full.png -->", "a.html", ["full.png"], id="comment"),
    pytest.param("x: {{ url }}/img/shot.png", "a.md", ["shot.png"], id="the-nearest"),
    pytest.param("x: {{ url }}assets/shot.png", "a.md", ["assets/shot.png"], id="the-one-whose-path-is-written"),
    pytest.param("See full.png.", "a.md", ["full.png"], id="prose"),
    pytest.param("<!--full.png-->", "a.html", ["full.png"], id="before-the-end-of-a-comment"),
    pytest.param("%%full.png%%", "a.md", ["full.png"], id="in-a-comment-of-obsidian"),
    pytest.param("x: full#1.png", "a.md", ["full#1.png"], id="number-sign"),
    pytest.param("x: ../shot.png", "a.md", ["../shot.png"], id="in-the-folder-above"),
    pytest.param("x: file:full.png", "a.md", ["full.png"], id="file-url"),
    pytest.param("<a href=full.png><img src=https://e/x.png></a>", "a.html", ["full.png"], id="link-in-html"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "expected"), OTHERS)
def test_an_image_that_is_named_in_another_way_is_left_alone_and_reported(docs, text, name, expected):
    found = found_in(docs, text, name)
    assert (files(found, docs), listed(found)) == ([], expected)
    assert all(each.reason for each in found.left_alone)


def test_the_reason_shows_the_line(docs):
    (left,) = found_in(docs, "---\ntitle: x\ncover: shot.png\n---\n").left_alone
    assert re.fullmatch(r'named on line 3, .* "cover: shot\.png"', left.reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[![t](shot.png)](full.png)", ["full.png"], id="behind-a-small-one"),
        pytest.param("[x](full.png) [y](full.png 'z')", ["full.png"], id="twice"),
        pytest.param("[x][r]\n\n[r]: full.png", ["full.png"], id="by-a-definition"),
        pytest.param("<a href='full.png'>full.png</a>", ["full.png"], id="html"),
        pytest.param("[x](full.png#b) [y](full.png?raw=1#b.png)", ["full.png#b", "full.png?raw=1#b.png"], id="suffix"),
        pytest.param("[x](a#b.png) [y](<a#b.png>) <a href='a#b.png'>z</a>", [], id="a-fragment-that-looks-like-a-name"),
        pytest.param("[x](gone.png) [y](https://e/full.png) [z](a.md) [full.png](b.md)", [], id="none"),
    ],
)
def test_a_linked_image_is_reported(docs, text, expected):
    (docs / "a#b.png").touch()  # a link leads to "a" all the same
    found = found_in(docs, text)
    assert [(each.target, each.reason) for each in found.left_alone] == [(name, LINKED) for name in expected]


@pytest.mark.parametrize(
    ("text", "names_others"),
    [
        pytest.param("# Nothing", False, id="nothing"),
        pytest.param("![a](https://e/shot.png) https://e/full.png //e/full.png", False, id="remote"),
        pytest.param("www.e.example/shot.png", False, id="without-a-scheme"),
        pytest.param("![a](data:image/png;base64,AAAA) cid:full.png", False, id="other-schemes"),
        pytest.param("`full.png` is a file", False, id="code-within-a-line"),
        pytest.param("cover: gone.png", True, id="not-there"),
        pytest.param("xfull.png my-shot.png full.pngx a.full.png", True, id="other-names"),
        pytest.param("{{ url }}/gone.webp", True, id="template-language"),
    ],
)
def test_only_where_nothing_looks_like_a_local_image_there_is_none(docs, text, names_others):
    found = found_in(docs, text)
    assert (found.images, found.left_alone, found.names_others) == ({}, [], names_others)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("![shot.png](shot.png)", id="alternative-text"),
        pytest.param("<img src=shot.png alt=shot.png title='shot.png'>", id="alternative-text-of-html"),
        pytest.param("![shot.png]\n\n[shot.png]: shot.png", id="label"),
        pytest.param("![[shot.png|shot.png]]", id="wikilink"),
        pytest.param("![a](shot.png) `shot.png`", id="code-within-a-line"),
        pytest.param("<base href='shot.png'><img src='?v=1'>", id="base"),
    ],
)
def test_an_image_that_is_published_is_not_reported_twice(docs, text):
    found = found_in(docs, text)
    assert (files(found, docs), listed(found)) == (["shot.png"], [])


def test_a_cover_that_the_text_shows_too_is_reported(docs):
    found = found_in(docs, "---\ncover: shot.png\n---\n![a](shot.png)")
    assert (files(found, docs), listed(found)) == (["shot.png"], ["shot.png"])


def test_nothing_outside_the_allowed_folders_is_reported(docs):
    (docs.parent.parent / "secret.png").write_bytes(b"x")
    (docs / "link.png").symlink_to("../../secret.png")
    (docs / "linked").symlink_to("../..")
    found = found_in(docs, "x: ../../secret.png, link.png, linked/secret.png, /secret.png")
    assert (listed(found), found.names_others) == ([], True)


def test_what_is_reported_has_a_bound(docs):
    for number in range(MAX_LISTED + 5):
        (docs / f"{number}.png").write_bytes(b"x")
    found = found_in(docs, "\n".join(f"x{number}: {number}.png" for number in range(MAX_LISTED + 5)))
    assert len(found.left_alone) == MAX_LISTED
