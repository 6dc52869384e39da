"""Whatever a document holds: nothing but the places of its images changes, and the parser then reads the URLs there."""

import re

import pyromark
from hypothesis import given
from hypothesis import strategies as st

from img402_mcp.client.publish.destinations import OPTIONS
from img402_mcp.client.publish.prepared import prepared, unmasked
from img402_mcp.client.publish.publish import FOUND_BY, references
from img402_mcp.client.publish.references import Kind, Reference, rewritten
from img402_mcp.client.publish.urls import is_local

# One text is easier to read than seventy quoted ones.
BITS = r"""
![a](p.png) ![b](<q r.png>) ![c](s(1).png 't') ![r] ![x][r] [r]: [R]: ![ ]( ) [ ] ( < > a.png b%20c.png é 😀 =p.png x
https://e/x.png file:///p.png data:x <img src= <img srcset=' " ' srcset='a.png,b.png 2x' <source srcset=c.png>
<div> </div> <!-- --> <p> <b> <svg> <script> </script> <textarea> </textarea> <template> <table>
` ``` ~~~ \ \) & &amp; &#40; | |-| # - 1. [^1]: [^1] --- *a* _ ~~
![[p.png]] ![[p.png|30]] [[q.png|alt=x]] ![a](p =3x2) =3x2) "t") {/* */} %%
<style> </style> p{a:url(p.png)} url('q.png') style='a:url(p.png)' style="a:url(&quot;p.png&quot;)"
data-src=p.png background=p.png <table </table> <base href=b/> <base href='https://e/'>
![a](p q.png) q.png) [r]:p ![a](p\_q.png) image-set('p.png' @import </template> <template shadowrootmode=open>
<style>p{a:image-set( <noscript> </noscript> <title> <video> </video> <math> </svg>
"""
GAPS = ("", " ", "\n", "\n\n", "\r\n", "\r", "\t", "    ", "\n> ", "\n  ")
documents = st.one_of(
    st.text(max_size=60),
    st.lists(st.tuples(st.sampled_from(("", "\u2028", "\x0b", *BITS.split())), st.sampled_from(GAPS)), max_size=25).map(
        lambda parts: "".join(bit + gap for bit, gap in parts)
    ),
)
kinds = st.sampled_from(Kind)


def url_of(number: int) -> str:
    return f"https://i.example/{number}(1).png?a=1&b='2'"


def with_urls(text: str, kind: Kind) -> tuple[dict[Reference, str], str]:
    urls = {each: url_of(number) for number, each in enumerate(references(text, kind).references)}
    return urls, rewritten(text, urls)


@given(documents, kinds)
def test_nothing_but_the_places_of_images_changes(text, kind):
    urls, changed = with_urls(text, kind)
    kept, at = [], 0
    for reference in urls:
        kept.append(re.escape(text[at : reference.start]))
        at = reference.end
    opened, closed = r"(?:!\[[^\]\n]*\]\(|(?:<span>)?<img [^>]*?src=\")?", r"(?:\)|\"[^>]*>(?:</span>)?)?"
    written = rf"{opened}https://i[.]example/[^ \n>\"]*?2(?:'|&#39;|%27){closed}"
    assert re.fullmatch(written.join([*kept, re.escape(text[at:])]), changed, re.DOTALL)


@given(documents, kinds)
def test_the_same_parser_reads_the_urls_in_their_places_and_the_other_images_as_before(text, kind):
    urls, changed = with_urls(text, kind)
    starts = {reference.start: url for reference, url in urls.items()}
    before = [(each.start, each.target) for each in in_order(text, kind)]
    after = [each.target for each in in_order(changed, kind)]
    assert [*map(plain, after)] == [plain(starts.get(start, target)) for start, target in before]


@given(documents, kinds)
def test_a_second_publish_changes_nothing(text, kind):
    _, changed = with_urls(text, kind)
    assert references(changed, kind).references == []
    assert with_urls(changed, kind)[1] == changed


def in_order(text: str, kind: Kind) -> list[Reference]:
    return sorted(FOUND_BY[kind](text).references, key=lambda each: each.start)


def plain(url: str) -> str:
    return url.replace("%28", "(").replace("%29", ")").replace("%27", "'")


@given(documents)
def test_every_image_that_the_parser_shows_is_found_or_reported(text):
    found = references(text, Kind.MARKDOWN)
    known = {each.target for each in found.references} | {each.target for each in found.left_alone}
    shown, depth = set(), 0
    for event in pyromark.events(prepared(text), options=OPTIONS):
        depth -= event == {"End": "Image"}
        start = event.get("Start") if isinstance(event, dict) else None
        if isinstance(start, dict) and "Image" in start:
            shown |= {start["Image"]["dest_url"]} if not depth else set()
            depth += 1
    assert {target for target in map(unmasked, shown) if is_local(target)} <= known
