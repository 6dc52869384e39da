"""The images of an HTML document, or of the HTML in a Markdown document."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from img402_mcp.client.publish.references import Base, LeftAlone, Reference, References, Span, Writing
from img402_mcp.client.publish.tags import Markup, Tag, attributes, read
from img402_mcp.client.publish.urls import cleaned, is_template, names_image, without_suffix
from img402_mcp.client.publish.values import Value, candidates, css_urls, value
from img402_mcp.errors import quoted

Place = Callable[[int], int | None]

NOT_PLACED = "its place in the text could not be found"
_BACKGROUNDS = frozenset(["body", "table", "tbody", "td", "tfoot", "th", "thead", "tr"])
_CANDIDATES = {("img", "srcset"), ("source", "srcset"), ("link", "imagesrcset")}
_LAZY = {"data-src": False, "data-srcset": True}
"""Read on any element, since scripts load images late from them. True: it holds several candidates."""
_REPORTED = {
    ("embed", "src"),
    ("feimage", "href"),
    ("feimage", "xlink:href"),
    ("image", "href"),
    ("image", "xlink:href"),
    ("input", "src"),
    ("link", "href"),
    ("object", "data"),
    ("video", "poster"),
}
"""These name images and are not rewritten."""
_ALTERNATIVES = frozenset({"alt", "title", "aria-label"})
_INTERESTING = re.compile(r"src|style|background|href|data|poster", re.IGNORECASE)
_NEEDS_HOST = re.compile(r"(?:https?|wss?|ftp):|//", re.IGNORECASE)
_HAS_HOST = re.compile(
    r"(?:[a-z]+:/*|//)(?:[^/?#@\s]*@)?(?:\[[0-9a-f:.]+\]|[^/?#\s<>^|%\[\]@:]+)(?::[0-9]*)?(?:/|\Z)", re.IGNORECASE
)
_FALLS_BACK = re.compile(r"(?:data|javascript):", re.IGNORECASE)


def found(text: str) -> References:
    return in_markup(read(text), text, lambda at: at)


def in_markup(markup: Markup, html: str, place: Place) -> References:
    """`place` maps a character of the HTML to its place in the document, or to None."""
    all_found = References(base=base_of(markup, html, place))
    for tag in markup.tags:
        if _INTERESTING.search(html, tag.name_end, tag.end):
            _take_tag(all_found, markup, tag, html, place)
    for start, end in markup.styles:
        css = Value(html[start:end], start)
        named = _named(css, css_urls(css.text), Writing.STYLE)
        _take(all_found, named, markup.hidden.element(start), place)
    return all_found


def _take_tag(all_found: References, markup: Markup, tag: Tag, html: str, place: Place) -> None:
    hidden_by = markup.hidden.element(tag.start)
    for name, span in attributes(html, tag).items():
        references = [*_references(tag, name, html, span)]
        if (tag.name, name) in _REPORTED and tag.is_foreign == (tag.name in {"image", "feimage"}):
            _report(all_found, tag, (name, span), html, place)
        elif (tag.name, name) == ("base", "href"):
            all_found.seen += _placed_span(*span, place)
        elif (tag.name, name) == ("a", "href"):
            all_found.linked.append(value(html, *span).text)
            all_found.seen += _placed_span(*span, place)
        elif name in _ALTERNATIVES:
            all_found.seen += _placed_span(*span, place)
        _take(all_found, references, hidden_by, place)


def _report(all_found: References, tag: Tag, attribute: tuple[str, Span], html: str, place: Place) -> None:
    name, span = attribute
    target = value(html, *span).text
    is_image = (tag.name, name) not in {("embed", "src"), ("link", "href"), ("object", "data")}
    if target and (is_image or names_image(target)):
        all_found.left_alone.append(LeftAlone(target, f"<{tag.name} {name}> is not rewritten"))
        all_found.seen += _placed_span(*span, place)


def _take(all_found: References, references: Iterable[Reference], hidden_by: str, place: Place) -> None:
    for reference in references:
        placed = _placed(reference, place)
        reason = hidden_in(hidden_by) if hidden_by else NOT_PLACED
        if placed and not hidden_by:
            all_found.references.append(placed)
        else:
            all_found.left_alone.append(LeftAlone(reference.target, reason))
        all_found.seen += _placed_span(reference.start, reference.end, place)


def hidden_in(element: str) -> str:
    return f"it is in <{element}>, whose content is not shown"


# The references of one attribute


def _references(tag: Tag, name: str, html: str, span: Span) -> Iterator[Reference]:
    start, end = span
    if start == end or (tag.is_foreign and name != "style"):
        return
    quoted = html[start - 1] in "\"'"
    if not quoted and html[start] == "{":  # JSX
        return
    meant = value(html, start, end)
    if name == "style":
        yield from _named(meant, css_urls(meant.text), Writing.STYLE_ATTRIBUTE)
    elif (tag.name, name) in _CANDIDATES or _LAZY.get(name):
        found = ((*each, meant.text[slice(*each)]) for each in candidates(meant.text))
        yield from _named(meant, found, Writing.CANDIDATE if quoted else Writing.UNQUOTED)
    elif _is_url(tag, name, meant.text):
        whole = (0, len(meant.text), meant.text)
        yield from _named(meant, [whole], Writing.ATTRIBUTE if quoted else Writing.UNQUOTED)


def _is_url(tag: Tag, name: str, text: str) -> bool:
    if name in _LAZY:
        return names_image(text)
    return (tag.name, name) == ("img", "src") or (name == "background" and tag.name in _BACKGROUNDS)


_STYLES = {Writing.STYLE, Writing.STYLE_ATTRIBUTE}


def _named(meant: Value, found: Iterable[tuple[int, int, str]], writing: Writing) -> Iterator[Reference]:
    for start, end, target in found:
        if writing not in _STYLES or names_image(target):  # a style sheet also names fonts
            yield Reference(meant.place(start), meant.place(end), target, writing, cleaned(target))


def _placed(reference: Reference, place: Place) -> Reference | None:
    start, last = place(reference.start), place(reference.end - 1)
    if start is None or last is None or last + 1 - start != reference.end - reference.start:
        return None
    return replace(reference, start=start, end=last + 1)


def _placed_span(start: int, end: int, place: Place) -> list[Span]:
    first, last = place(start), place(end - 1)
    return [(first, last + 1)] if first is not None and last is not None and start < end else []


def base_of(markup: Markup, html: str, place: Place) -> Base | None:
    """The first `<base>` with an href counts (WHATWG HTML, 4.2.3)."""
    for tag in markup.tags:
        if tag.name == "base" and not tag.is_foreign and not markup.inert.element(tag.start):
            named = attributes(html, tag)
            if "href" in named:
                return _base(value(html, *named["href"]).text, place(tag.start), _is_restricted(markup, html))
    return None


def _base(text: str, start: int | None, is_restricted: bool) -> Base:  # noqa: FBT001  # one of three facts
    href = without_suffix(cleaned(text))
    if start is None or is_template(text) or text.startswith("{"):
        return Base(href, start or 0, f"a template or a block quote makes <base href> unclear: {quoted(text)}")
    if is_restricted:
        return Base(href, start, "the document's content security policy restricts <base>")
    if _FALLS_BACK.match(href):
        return Base("", start)
    if _NEEDS_HOST.match(href) and not _HAS_HOST.match(href):
        return Base(href, start, f"<base href> is not a valid URL: {quoted(text)}")
    return Base(href, start)


def _is_restricted(markup: Markup, html: str) -> bool:
    """Whether a content security policy may forbid the base."""
    metas = (attributes(html, tag) for tag in markup.tags if tag.name == "meta")
    contents = (value(html, *each["content"]).text for each in metas if {"content", "http-equiv"} <= each.keys())
    return any("base-uri" in content.lower() for content in contents)
