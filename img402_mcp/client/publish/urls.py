"""What a URL in a document means: a file on this machine, or another place. Pure: no disk, no network."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

IMAGE_ENDINGS = frozenset({
    "apng", "avif", "bmp", "gif", "heic", "heif", "ico", "jfif", "jpe", "jpeg", "jpg", "png", "svg", "tif", "tiff",
    "webp",
})  # fmt: skip
"""A name that ends in one of these looks like an image, whether or not it can be sent."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)  # of one letter it is a drive of Windows
_DRIVE = re.compile(r"[a-z]:", re.IGNORECASE)
_FILE = re.compile(r"file:(/*)", re.IGNORECASE)
_SUFFIX = re.compile(r"[?#].*", re.DOTALL)
_FRAGMENT = re.compile(r"#[A-Za-z0-9_.~-]+\Z")
_IGNORED = re.compile(r"[\t\n\r]")
_CONTROL_OR_SPACE = "".join(map(chr, range(0x21)))
_TEMPLATE = re.compile(r"\{\{|\{%|<%|\$\{")
_LAST_DOTS = re.compile(r"(?:\A|/)(?:\.|%2e){1,2}\Z", re.IGNORECASE)


def is_local(url: str) -> bool:
    """Whether it is a path or a file: URL, and not a place on the web or in this document."""
    text = url.strip()
    if _FILE.match(text):
        return True
    return bool(text) and not text.startswith(("#", "?", "//")) and not _SCHEME.match(text)


def without_suffix(url: str) -> str:
    """Without a query and a fragment."""
    return _SUFFIX.sub("", url)


def names_image(url: str) -> bool:
    """Whether it ends like the name of an image."""
    return is_image_name(_SUFFIX.sub("", url.strip()))


def is_image_name(path: str) -> bool:
    """The same for the path of a file, which has no query or fragment."""
    return path.rpartition(".")[2].lower() in IMAGE_ENDINGS


def is_template(url: str) -> bool:
    """Whether a program fills in part of it later: `{{ base }}/shot.png`."""
    return bool(_TEMPLATE.search(url))


def cleaned(url: str) -> str:
    """As a browser reads it (URL Standard, 4.4): no spaces around it, no tabs and line ends; "\\" is "/" in a path."""
    text = _IGNORED.sub("", url.strip(_CONTROL_OR_SPACE))
    if _DRIVE.match(text) or (_SCHEME.match(text) and not _FILE.match(text)):
        return text
    path = _SUFFIX.sub("", text)
    return path.replace("\\", "/") + text[len(path) :]


def resolved(url: str, base: str = "") -> str:
    """The URL relative to the document's folder. `base` is what `<base>` says. Empty if it names no image."""
    text = _plain(url)
    if not text or _is_absolute(text):
        return text
    path = without_suffix(_plain(base))
    if path and not is_local(path):
        return path
    if text.startswith(("?", "#")):
        is_folder = path.endswith("/") or not path or _LAST_DOTS.search(path)
        return "" if is_folder else path + text
    return text if text.startswith("/") else _folder(path) + text


def is_relative(url: str) -> bool:
    """Whether a `<base>` may change what it means."""
    text = _plain(url)
    return bool(text) and not _is_absolute(text)


def _plain(url: str) -> str:
    """`file:/a.png` is `file:///a.png`, and `file:a.png` is `a.png`: a document is a file itself."""
    text = url.strip()
    file = _FILE.match(text)
    if not file or len(file[1]) >= 2:
        return text
    return f"file://{text[file.end(1) - 1 :]}" if file[1] else text[file.end() :]


def _is_absolute(text: str) -> bool:
    return text.startswith("//") or bool(_SCHEME.match(text) or _DRIVE.match(text))


def _folder(path: str) -> str:
    """The folder that names relative to `path` start from: "a/b" is in "a/", and "a/.." is a folder."""
    if _LAST_DOTS.search(path):
        return f"{path}/"
    return path[: path.rfind("/") + 1]


@dataclass(frozen=True)
class Reading:
    """A path that a URL may mean. `note` says how it was read, if a browser reads it in another way."""

    path: str
    note: str = ""
    drops_fragment: bool = True


def readings(url: str, written: str = "") -> Iterator[Reading]:
    """What a browser takes it for; then "%", "?", "#" and "\\" as parts of a file's name.

    `written` is the same with all backslashes. Markdown drops the one in `img\\_a.png`.
    """
    text = _path_of_file(url.strip())
    path = _SUFFIX.sub("", text)
    yield Reading(_decoded(path))
    yield Reading(path, 'the "%" in it is read as part of the file name')
    for whole, drops in ((text.partition("#")[0], True), (text, False)):
        yield Reading(_decoded(whole), f'the "{_marks(whole)}" in it is read as part of the file name', drops)
        yield Reading(whole, f'the "%" and "{_marks(whole)}" in it are read as part of the file name', drops)
    for each in filter(None, (path, _SUFFIX.sub("", written))):
        yield Reading(_decoded(each).replace("\\", "/"), 'the "\\" in it is read as "/"')


def _marks(text: str) -> str:
    return "".join(mark for mark in "?#" if mark in text)


def _path_of_file(text: str) -> str:
    """The path in a file: URL of this machine. With another host it stays as it is, and is refused later."""
    file = _FILE.match(text)
    host, slash, path = text[7:].partition("/")
    if not file or host.lower() not in {"", "localhost"} or not slash:
        return text
    return path if _DRIVE.match(path) else f"/{path}"


def _decoded(path: str) -> str:
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return path


def with_fragment(url: str, target: str) -> str:
    """A fragment is kept, since `#gh-dark-mode-only` makes GitHub show one of two images."""
    found = _FRAGMENT.search(target.strip())
    return url if urlsplit(url).fragment or not found else url + found[0]
