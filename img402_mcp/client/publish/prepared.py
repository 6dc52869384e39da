"""A Markdown text as the parser should read it. Every character keeps its place.

Front matter and a byte order mark become blank. Spaces within a destination are masked, and a size after it
(`=300x200`) becomes blank. A `<textarea>` that is never closed becomes an ordinary tag, as on GitHub. The length of
each match is bounded, so that the time does not grow with the square of the text.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape

from img402_mcp.client.publish.references import LeftAlone, Span
from img402_mcp.client.publish.urls import names_image

_MASKS = {" ": "\ufdd0", "\t": "\ufdd1"}  # Unicode noncharacters, which have no meaning in a text
_MASK = str.maketrans(_MASKS)
_UNMASK = str.maketrans({mask: space for space, mask in _MASKS.items()})


def prepared(text: str) -> str:
    text = _FRONT_MATTER.sub(lambda found: _NOT_LINE_END.sub(" ", found[0]), text)
    text = text.replace("\ufeff", "\n", 1) if text.startswith("\ufeff") else text
    if any(mask in text for mask in _MASKS.values()):
        return text
    return _with_definitions(
        INLINE.sub(lambda found: found[1] + _prepared_destination(found[2]), _with_open_textareas(text))
    )


def unmasked(text: str) -> str:
    return text.translate(_UNMASK)


_NOT_LINE_END = re.compile(r"[^\r\n]")
_END = r"[ \t]*(?:\r\n?|\n|\Z)"
_FRONT_MATTER = re.compile(rf"\A\ufeff?---{_END}(?!{_END}).*?^(?:---|\.\.\.){_END}", re.DOTALL | re.MULTILINE)
_TEXTAREA = re.compile(r"<textarea(?=[\s>])", re.IGNORECASE)
END_OF_RAW = re.compile(r"</(?:pre|script|style|textarea)>", re.IGNORECASE)


def _with_open_textareas(text: str) -> str:
    if not _TEXTAREA.search(text):
        return text
    closed = max((found.end() for found in END_OF_RAW.finditer(text)), default=0)
    return text[:closed] + _TEXTAREA.sub("<textbox_", text[closed:])


# ![a](my shot.png "title" =300x200)


INLINE = re.compile(
    r"(!\[(?:[^\[\]\\\n]|\\.|\[[^\[\]\n]{0,500}+\]){0,500}\]\([ \t]*+)"
    r"(<[^<>\n]{1,500}+>[ \t][^()<>\n]{1,500}+|(?:[^()<>\n]|\([^()<>\n]{0,500}+\)){1,1000})(?=\))"
)
_SIZE = r"=(?:[0-9]+(?:px|%)?)?(?:x(?:[0-9]+(?:px|%)?)?)?"
_BEHIND = re.compile(rf"""(?<![ \t])[ \t]+(?:"[^"]*+"|'[^']*+'|{_SIZE})[ \t]*+\Z""")
_TITLE_OR_SIZE = re.compile(rf""""[^"]*+"|'[^']*+'|({_SIZE})""")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def _prepared_destination(written: str) -> str:
    """`written` is a destination with what comes after it."""
    url = destination(written)
    if not names_image(meaning(url)):
        return written
    behind = _TITLE_OR_SIZE.sub(lambda found: " " * len(found[0]) if found[1] else found[0], written[len(url) :])
    return (url if url.startswith("<") else url.translate(_MASK)) + behind


def destination(written: str) -> str:
    """What is written, without a title and a size."""
    for _ in range(2):
        written = _BEHIND.sub("", written)
    return written.rstrip(" \t")


def meaning(destination: str) -> str:
    return unescape(_ESCAPED.sub(r"\1", destination.strip("<>")))


# [r]: my shot.png "title"


_USE = re.compile(r"!\[([^\[\]\n]{1,500}+)\](?:\[([^\[\]\n]{1,500}+)\])?")
_DEFINITION = re.compile(
    r"(?<![^\r\n])([ \t>]*+\[(?!\^)([^\[\]\\\r\n]{1,500}+)\]:[ \t]*+)([^<>\r\n]{1,1000}+)(?![^\r\n])"
)


def _with_definitions(text: str) -> str:
    """Only definitions that an image uses: others may be prose."""
    used = {folded(found[2] or found[1]) for found in _USE.finditer(text)}

    def prepared_definition(match: re.Match[str]) -> str:
        return match[1] + _prepared_destination(match[3]) if folded(match[2]) in used else match[0]

    return _DEFINITION.sub(prepared_definition, text) if used else text


def folded(label: str) -> str:
    """The same text for labels that match (CommonMark 0.31, 6.3)."""
    return " ".join(label.casefold().split())


# Images inside an HTML block, where CommonMark treats Markdown as text


IN_BLOCK = "it is inside an HTML block, where Markdown is plain text; an empty line before it ends the block"
UNCLOSED = "it is inside HTML that {} opens and nothing closes, where Markdown is plain text"
_WIKILINK = re.compile(r"!?\[\[([^\[\]|\n]{1,500}+)")
_RAW = re.compile(r"<(script|pre|style|textarea)(?=[\s>])", re.IGNORECASE)


def unread(text: str, blocks: Iterable[Span]) -> Iterator[LeftAlone]:
    for start, end in blocks:
        if reason := _reason(text[start:end]):
            inline = (meaning(destination(found[2])) for found in INLINE.finditer(text, start, end))
            targets = (*inline, *(found[1].strip() for found in _WIKILINK.finditer(text, start, end)))
            yield from (LeftAlone(target, reason) for target in targets if names_image(target))


def _reason(block: str) -> str:
    """Empty for a comment or a script, whose content is not meant as Markdown."""
    if raw := _RAW.match(block):
        return "" if END_OF_RAW.search(block) else UNCLOSED.format(f"<{raw[1].lower()}>")
    if block.startswith("<!--"):
        return "" if "-->" in block else UNCLOSED.format("<!--")
    return "" if block.startswith(("<!", "<?")) else IN_BLOCK
