"""Which local images a document shows, and where it names them."""

from img402_mcp.client.publish import commonmark, html
from img402_mcp.client.publish.references import Kind, References, is_local

FOUND_BY = {Kind.MARKDOWN: commonmark.found, Kind.HTML: html.found}
"""Every image, remote ones too."""


def references(text: str, kind: Kind) -> References:
    """The local ones, in the document's order."""
    found = FOUND_BY[kind](text)
    local = sorted((each for each in found.references if is_local(each.target)), key=lambda each: each.start)
    left = dict.fromkeys(each for each in found.left_alone if is_local(each.target))
    return References(tuple(local), tuple(left))
