"""Which images of a document are files on this machine, with their URLs relative to the document's folder."""

from collections.abc import Iterator
from dataclasses import replace
from posixpath import normpath

from img402_mcp.client.publish.references import Base, LeftAlone, Reference, References
from img402_mcp.client.publish.urls import cleaned, is_local, is_relative, is_template, names_image, resolved

TEMPLATE = "a template fills in part of it"
BEFORE_BASE = "a <base href> comes after it, and browsers differ in what they then show"


def local(found: References) -> References:
    """Only the local ones, in the document's order."""
    shown: list[Reference] = []
    left = [*_left_alone(found)]
    for reference in sorted(found.references, key=lambda each: each.start):
        url = resolved(reference.url, found.base.href if found.base else "")
        reason = _doubt(reference, found.base)
        if reason and is_local(reference.url):
            left.append(LeftAlone(reference.target, reason))
        elif not reason and is_local(url):
            shown.append(replace(reference, url=url, by_base=_is_changed(reference, found.base)))
    href = found.base.href if found.base else ""
    linked = (resolved(cleaned(target), href) for target in found.linked)
    linked_images = tuple(url for url in dict.fromkeys(linked) if is_local(url) and names_image(url))
    return References(tuple(shown), tuple(dict.fromkeys(left)), found.base, found.seen, linked_images)


def _left_alone(found: References) -> Iterator[LeftAlone]:
    href = found.base.href if found.base else ""
    return (each for each in found.left_alone if is_local(resolved(cleaned(each.target), href)))


def _doubt(reference: Reference, base: Base | None) -> str:
    """Why it is unclear which image this is; empty if it is clear."""
    if is_template(reference.target):
        return TEMPLATE
    if base is None or not is_relative(reference.url):
        return ""
    shown_at = reference.start if reference.shown_at is None else reference.shown_at
    return base.unclear or (BEFORE_BASE if shown_at < base.start and _is_changed(reference, base) else "")


def _is_changed(reference: Reference, base: Base | None) -> bool:
    href = base.href if base else ""
    return normpath(resolved(reference.url, href)) != normpath(resolved(reference.url))
