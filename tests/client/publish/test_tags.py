"""The reader of HTML against justhtml, which builds the whole tree as browsers do."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from justhtml import JustHTML

from img402_mcp.client.publish.html import base_of
from img402_mcp.client.publish.tags import attributes, read
from img402_mcp.client.publish.values import value

# One text, read more easily than seventy quoted ones.
BITS = r"""
<img <IMG src= src=a.png src='b.png' src="c&amp;d.png" src=&#97; src= alt=x / > </img> <image <p> </p> <div title="a>b"> </div>
<!-- --> --!> <!--> <!---> <!doctype html> <? <!x </ </3 </> <a href='>'> <b =c> " ' = < text
<script> </script> <script/> <style> </style> <textarea> </TEXTAREA> <title> </title > <xmp> </xmp> <iframe> </iframe>
<noscript> </noscript> <noembed> </noembed> <plaintext> <svg> </svg> <svg/> <math> </math> <mtext> </mtext> <desc> </desc>
<foreignObject> </foreignObject> <![CDATA[ ]]> <template> </template> <base href=x/> <base> <base href=y/ <table> </table>
"""  # noqa: E501
documents = st.lists(st.tuples(st.sampled_from(BITS.split()), st.sampled_from(("", " ", "\n"))), max_size=20).map(
    lambda parts: "".join(bit + gap for bit, gap in parts)
)


def ours(html: str) -> list[tuple[int, str]]:
    """Where each live `<img>` begins, and its source."""
    markup = read(html)
    images = [
        tag for tag in markup.tags if tag.name == "img" and not tag.is_foreign and not markup.inert.element(tag.start)
    ]
    named = [(tag.start, attributes(html, tag).get("src", (0, 0))) for tag in images]
    return [(start, value(html, *span).text) for start, span in named]


def theirs(html: str) -> list[tuple[int, str]]:
    tree = JustHTML(html, sanitize=False, track_node_locations=True)
    nodes = [node for node in tree.query("img") if node.origin_offset is not None and not is_inert(node)]
    return sorted((node.origin_offset or 0, node.attrs.get("src") or "") for node in nodes)


def is_inert(node: Any) -> bool:
    while node.parent:
        node = node.parent
        if node.name == "template" and node.namespace == "html":
            return True
    return False


@given(documents)
def test_the_images_are_those_of_the_tree(html):
    assert ours(html) == theirs(html)


@given(documents)
def test_the_base_is_the_same(html):
    base = base_of(read(html), html, lambda at: at)
    nodes = JustHTML(html, sanitize=False).query("base[href]")
    live = [node.attrs["href"] for node in nodes if node.namespace == "html" and not is_inert(node)]
    assert (base.href if base else None) == (live[0] if live else None)
