"""What a URL in a document means, with and without a base."""

import pytest

from img402_mcp.client.publish.publish import references
from img402_mcp.client.publish.references import Kind, LeftAlone
from img402_mcp.client.publish.urls import cleaned, is_local, readings, resolved, with_fragment


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
        pytest.param("file:///a%20b.png?x#y", "/a b.png", "U#y", id="file-url"),
        pytest.param("file://localhost/a.png", "/a.png", "U", id="file-url-of-this-host"),
        pytest.param("file:///C:/a.png", "C:/a.png", "U", id="file-url-of-a-drive"),
        pytest.param("file://host/a.png", "file://host/a.png", "U", id="file-url-of-another-host"),
    ],
)
def test_a_target_means_a_path_as_in_any_url(target, path, url):
    assert is_local(target)
    assert (next(readings(target)).path, with_fragment("U", target)) == (path, url)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(" \n\t shot.png \x1f ", "shot.png", id="spaces-and-controls-around-it"),
        pytest.param("as\nsets/sh\tot\r.png", "assets/shot.png", id="line-ends-and-tabs-within"),
        pytest.param("as\\sets\\shot.png", "as/sets/shot.png", id="backslashes"),
        pytest.param("a\\b.png?c\\d", "a/b.png?c\\d", id="backslash-in-a-query"),
        pytest.param("C:\\a\\b.png", "C:\\a\\b.png", id="drive"),
        pytest.param("my shot.png", "my shot.png", id="space-within"),
        pytest.param("file:\\\\\\a\\b.png", "file:///a/b.png", id="file-url-with-backslashes"),
        pytest.param("data:a\\b", "data:a\\b", id="data"),
    ],
)
def test_a_url_is_cleaned_as_a_browser_does(written, expected):
    assert cleaned(written) == expected


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        pytest.param("s.png", "", "s.png", id="no-base"),
        pytest.param("s.png", "a/", "a/s.png", id="folder"),
        pytest.param("s.png", "a/b.html", "a/s.png", id="file"),
        pytest.param("s.png", "a", "s.png", id="name-without-a-slash"),
        pytest.param("s.png", "..", "../s.png", id="dots"),
        pytest.param("s.png", "a/..", "a/../s.png", id="dots-at-the-end"),
        pytest.param("s.png", "a/%2E%2e", "a/%2E%2e/s.png", id="encoded-dots"),
        pytest.param("s.png", ".", "./s.png", id="dot"),
        pytest.param("s.png", "a/#b/c", "a/s.png", id="fragment"),
        pytest.param("s.png", "a/?b/c", "a/s.png", id="query"),
        pytest.param("s.png", "#b", "s.png", id="fragment-alone"),
        pytest.param("s.png", "/a/", "/a/s.png", id="from-the-top"),
        pytest.param("/s.png", "a/", "/s.png", id="url-from-the-top"),
        pytest.param("s.png", "file:///a/b", "file:///a/s.png", id="file-url"),
        pytest.param("s.png", "file:a/", "a/s.png", id="relative-file-url"),
        pytest.param("?v=1", "a/s.png", "a/s.png?v=1", id="query-of-the-base"),
        pytest.param("#f", "a/s.png?v", "a/s.png#f", id="fragment-of-the-base"),
        pytest.param("?v=1", "a/", "", id="query-of-a-folder"),
        pytest.param("?v=1", "", "", id="query-of-the-document"),
        pytest.param("s.png", "https://e/a/", "https://e/a/", id="remote"),
        pytest.param("/s.png", "//e/a/", "//e/a/", id="remote-of-either-scheme"),
        pytest.param("?v", "mailto:x", "mailto:x", id="nowhere"),
        pytest.param("file:/a/s.png", "https://e/", "file:///a/s.png", id="a-file-url-stays"),
        pytest.param("file:s.png", "a/", "a/s.png", id="a-relative-file-url"),
        pytest.param("https://e/s.png", "a/", "https://e/s.png", id="a-remote-url-stays"),
        pytest.param("C:/s.png", "a/", "C:/s.png", id="a-drive-stays"),
    ],
)
def test_a_base_changes_what_a_relative_url_means(url, base, expected):
    assert resolved(url, base) == expected


def urls(text: str, kind: Kind) -> list[str]:
    return [each.url for each in references(text, kind).references]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<base href='a/'><img src='s.png'>", ["a/s.png"], id="folder"),
        pytest.param("<BASE HREF=&#97;/><img src=s.png>", ["a/s.png"], id="written-otherwise"),
        pytest.param("<base href=' a\\b\\ '><img src='.\\s.png'>", ["a/b/./s.png"], id="backslashes"),
        pytest.param("<base target=x><base href=a/><base href=b/><img src=s.png>", ["a/s.png"], id="first-with-href"),
        pytest.param("<base href><base href=a/><img src=s.png>", ["s.png"], id="an-empty-one-counts"),
        pytest.param("<base href='data:x'><base href=a/><img src=s.png>", ["s.png"], id="data-counts-for-nothing"),
        pytest.param("<base href='JavaScript:x'><img src=s.png>", ["s.png"], id="script-counts-for-nothing"),
        pytest.param("<svg><base href='a/'></svg><img src=s.png>", ["s.png"], id="of-svg"),
        pytest.param("<!--<base href='a/'>--><img src=s.png>", ["s.png"], id="in-a-comment"),
        pytest.param("<template><base href='a/'></template><img src=s.png>", ["s.png"], id="in-a-template"),
        pytest.param("<noscript><base href='a/'></noscript><img src=s.png>", ["s.png"], id="in-noscript"),
        pytest.param("<base href=a/><img srcset='s.png, t.png 2x'>", ["a/s.png", "a/t.png"], id="srcset"),
        pytest.param("<base href=a/><p style='x:url(s.png)'>", ["a/s.png"], id="style-attribute"),
        pytest.param("<base href='https://e/'><img src=s.png>", [], id="remote"),
        pytest.param("<base href='//e'><img src=s.png><img src='/t.png'>", [], id="remote-of-either-scheme"),
        pytest.param("<base href='//e/'><img src='file:///s.png'>", ["file:///s.png"], id="a-file-url-stays"),
        pytest.param("<base href='cid:x'><img src=s.png>", [], id="nowhere"),
        pytest.param("<img src=s.png><base href='./'>", ["./s.png"], id="a-later-one-that-changes-nothing"),
    ],
)
def test_the_base_of_the_document_counts_as_in_a_browser(text, expected, kind):
    assert urls(text, kind) == expected
    assert references(text, kind).left_alone == []


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<img src=s.png><base href='a/'>", id="a-base-behind-the-image"),
        pytest.param("<img src=s.png><base href='https://e/'>", id="a-remote-base-behind-the-image"),
        pytest.param("<base href='http://['><img src=s.png>", id="invalid"),
        pytest.param("<base href='https://'><img src=s.png>", id="no-host"),
        pytest.param("<base href='{{ site.url }}/'><img src=s.png>", id="template-language"),
        pytest.param(
            "<meta http-equiv=Content-Security-Policy content=\"base-uri 'none'\"><base href=a/><img src=s.png>",
            id="restricted-by-a-policy",
        ),
    ],
)
def test_where_it_is_unclear_which_image_is_shown_none_is_published(text, kind):
    found = references(text, kind)
    assert (found.references, [each.target for each in found.left_alone]) == ([], ["s.png"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("x <base href=a/> ![a](s.png)", ["a/s.png"], id="inline"),
        pytest.param("<base href=a/>\n\n![a](<s t.png>)", ["a/s t.png"], id="block"),
        pytest.param("<base href=a/>\n\n![a][r]\n\n[r]: s.png", ["a/s.png"], id="definition"),
        pytest.param("<base href=a/>\n\n![[s.png]] ![b](t u.png)", ["a/s.png", "a/t u.png"], id="loose-forms"),
        pytest.param("`<base href=a/>` ![a](s.png)", ["s.png"], id="in-code"),
        pytest.param("```\n<base href=a/>\n```\n![a](s.png)", ["s.png"], id="in-a-fence"),
        pytest.param("{/* <base href=a/> */} ![a](s.png)", ["s.png"], id="in-a-comment-of-jsx"),
        pytest.param("> <base href=a/>\n\n![a](s.png)", ["a/s.png"], id="in-a-quote"),
        pytest.param("\ufeff<base href=a/>\n\n![a](s.png)", ["a/s.png"], id="behind-a-mark"),
    ],
)
def test_a_base_in_markdown_counts_for_its_images(text, expected):
    assert urls(text, Kind.MARKDOWN) == expected


def test_a_definition_that_an_earlier_image_uses_is_left_alone():
    text = "![a][r]\n\n<base href=a/>\n\n![b][r]\n\n[r]: s.png"
    found = references(text, Kind.MARKDOWN)
    assert (found.references, [each.target for each in found.left_alone]) == ([], ["s.png"])


def test_what_is_left_alone_is_seen_from_the_base_too():
    text = "<base href='https://e/'><video poster=s.png></video><embed src=t.png>"
    assert references(text, Kind.HTML).left_alone == []
    local = LeftAlone("s.png", "<video poster> is not rewritten")
    assert references(text.replace("https://e/", "a/"), Kind.HTML).left_alone[:1] == [local]
