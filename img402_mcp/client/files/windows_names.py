"""How Windows reads a path: shares, the namespaces of `\\\\?\\`, devices, streams, and endings that it cuts off.

Pure text, so that the rules are the same on every system and can be tried on each. Sources: Microsoft, "Naming Files,
Paths, and Namespaces" and "File path formats on Windows systems".
"""

import ntpath
import re
from collections.abc import Iterable
from pathlib import PureWindowsPath

_LOCAL_NAMESPACE = re.compile(r"[\\/]{2}[?.][\\/](?=[A-Za-z]:(?:[\\/]|$))")
MOST_CHARACTERS = 240
"""Windows has 248 for a folder and 260 for a file."""
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\xb9\xb2\xb3])", re.IGNORECASE)


def without_namespace(text: str) -> str:
    r"""`\\?\C:\shot.png` is `C:\shot.png`."""
    return _LOCAL_NAMESPACE.sub("", text, count=1) if _LOCAL_NAMESPACE.match(text) else text


def with_namespace(text: str) -> str:
    r"""`\\?\` before a path on a drive that is too long without it. It is then taken as written, so it is tidied."""
    is_long = len(text) > MOST_CHARACTERS and re.match(r"[A-Za-z]:[\\/]", text)
    return f"\\\\?\\{ntpath.normpath(text)}" if is_long else text


def is_remote(text: str, roots: Iterable[str] = ()) -> bool:
    r"""Whether merely resolving the path makes Windows connect to another machine, with the user's credentials.

    Two slashes of either kind at the start name a share or a device, and so does the kernel's own `\??\`. A share
    that contains a root is allowed.
    """
    if re.match(r"[\\/]\?\?[\\/]", text):
        return True
    if text[:1] not in ("\\", "/") or text[1:2] not in ("\\", "/"):
        return False
    drive = _share(text)
    return not any(drive and drive == _share(root) for root in roots)


def _share(text: str) -> str:
    r"""`\\server\share` in one spelling; empty if there is none."""
    plain = re.sub(r"^[\\/]{2}[?.][\\/]UNC[\\/]", r"\\\\", text, flags=re.IGNORECASE)
    drive = ntpath.splitdrive(ntpath.normpath(plain))[0]
    return drive.casefold() if drive.startswith("\\\\") and not re.match(r"\\\\[?.]\\", drive) else ""


def oddity(text: str) -> str:
    """The fault of a name in the path, as a clause that continues a sentence about the path; empty if there is none."""
    for part in PureWindowsPath(text).parts[bool(PureWindowsPath(text).anchor) :]:
        if re.search(r'[<>"|]', part):  # no file has such a name, so other readings of it are tried
            continue
        if ":" in part:
            return "names a stream of a file, after a colon; give the plain path"
        if part not in (".", "..") and part.endswith((".", " ")):
            return "holds a name that ends in a dot or a space, which Windows cuts off"
        if _DEVICES.fullmatch(part.partition(".")[0].rstrip()):
            return "holds the name of a device, as CON or NUL is on Windows"
    return ""
