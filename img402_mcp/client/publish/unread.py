"""Images in Markdown that is inside an HTML block, where CommonMark treats it as text."""

import re
from collections.abc import Iterable, Iterator

from img402_mcp.client.publish.prepared import END_OF_RAW, INLINE, destination, meaning
from img402_mcp.client.publish.references import LeftAlone, Span
from img402_mcp.client.publish.urls import names_image

IN_BLOCK = "it is inside an HTML block, where Markdown is plain text; an empty line before it ends the block"
UNCLOSED = "it is inside HTML that {} opens and nothing closes, where Markdown is plain text"
_WIKILINK = re.compile(r"!?\[\[([^\[\]|\n]{1,500}+)")
_RAW = re.compile(r"<(script|pre|style|textarea)(?=[\s>])", re.IGNORECASE)


def unread(text: str, blocks: Iterable[Span]) -> Iterator[LeftAlone]:
    for start, end in blocks:
        if reason := _reason(text[start:end]):
            targets = (
                *_inline(text, start, end),
                *(found[1].strip() for found in _WIKILINK.finditer(text, start, end)),
            )
            yield from (LeftAlone(target, reason) for target in targets if names_image(target))


def _inline(text: str, start: int, end: int) -> Iterator[str]:
    return (meaning(destination(found[2])) for found in INLINE.finditer(text, start, end))


def _reason(block: str) -> str:
    """Empty for a comment or a script, whose content is not meant as Markdown."""
    if raw := _RAW.match(block):
        return "" if END_OF_RAW.search(block) else UNCLOSED.format(f"<{raw[1].lower()}>")
    if block.startswith("<!--"):
        return "" if "-->" in block else UNCLOSED.format("<!--")
    return "" if block.startswith(("<!", "<?")) else IN_BLOCK
