"""The names of our environment variables, and near misses of them.

A misspelt name has no effect. It stops the start, since someone who sets IMG402_DAILY_BUGDET relies on a budget that
does not exist.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from img402_mcp.errors import SettingsError, quoted

_log = logging.getLogger("img402_mcp.settings")

BRAND = "IMG402_"
_TESTS = "IMG402_TEST_"
"""Only read by this project's tests, and inherited by the programs that they start."""
# Longer than any of our names, and shorter than a key that was put into the name by mistake.
_SHOWN = 40
_MENTIONED = 5
# One wrong, missing, doubled or swapped letter in the shortest name gives 0.8; VERSION against VERIFY gives 0.62.
_NEAR = 0.7
# HOTS_DATA against HOST_DATA gives 0.89; PAY_TO, which clients read, against HOST_PAY_TO gives 0.71.
_NEAR_AS_A_WHOLE = 0.85
# IMG42 gives 0.91 and IMG420 0.83, IMG 0.67.
_NEAR_BRAND = 0.8


@dataclass(frozen=True)
class VariableNames:
    """All names that one program reads. An empty value counts as unset."""

    prefix: str
    """Each name begins with it."""
    known: frozenset[str]
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Old name -> new name."""
    others: tuple[str, ...] = ()
    """Names that another program reads; one with `_` at its end stands for all that begin with it."""

    def check(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Warns about names that are set and that nothing reads. Raises SettingsError if one is a near miss."""
        unread = tuple(self.unread(environ))
        if wrong := [name for name in unread if self.meant(name)]:
            raise SettingsError(" ".join(self.fault(name) for name in wrong[:_MENTIONED]))
        if unread:
            _log.warning("%s", report(unread))
        return unread

    def unread(self, environ: Mapping[str, str]) -> Iterator[str]:
        """The names that are set and that look like ours, but that nothing reads."""
        for name in sorted(environ):
            if name[:3].upper() == "IMG" and environ[name] and name not in self.known and self._is_ours(name):
                yield name

    def fault(self, name: str) -> str:
        """A sentence about an unread name. It never shows the value, which may be a secret."""
        if not (meant := self.meant(name)):
            return f"{shown(name)} is not a variable of img402-mcp, so it has no effect."
        why = "was renamed" if _plain(name) in self.renamed else "is not a variable of img402-mcp"
        return f"{shown(name)} {why}, so it has no effect: did you mean {' or '.join(meant)}?"

    def meant(self, name: str) -> tuple[str, ...]:
        """The known names that this one probably means, misspelt or in an old form."""
        plain = _plain(name)
        if plain in self.known or plain in self.renamed:
            near = [plain]
        elif plain.startswith(self.prefix):
            near = self._near(plain)
        else:
            near = self._near_with_another_prefix(plain)
        return tuple(dict.fromkeys(self.renamed.get(each, each) for each in near))

    def _is_ours(self, name: str) -> bool:
        plain = _plain(name)
        if any(plain == other or (other[-1] == "_" and plain.startswith(other)) for other in (_TESTS, *self.others)):
            return False
        return plain.startswith(self.prefix) or bool(self._near_with_another_prefix(plain))

    def _near(self, plain: str) -> list[str]:
        from difflib import get_close_matches  # noqa: PLC0415  # a name that is wrong is worth the time to load it

        short = {name.removeprefix(self.prefix): name for name in (*self.known, *self.renamed)}
        wanted = plain.removeprefix(self.prefix)
        fewer, more = _with_all_words_of(wanted, short), _with_only_words_of(wanted, short)
        found = (
            get_close_matches(wanted, fewer, cutoff=0)
            or get_close_matches(wanted, short, n=1, cutoff=_NEAR)
            or get_close_matches(wanted, more, cutoff=0)
        )
        return [short[name] for name in found]

    def _near_with_another_prefix(self, plain: str) -> list[str]:
        brand, _, rest = plain.partition("_")
        if found := [name for name in (BRAND + rest, self.prefix + rest) if name in self.known]:
            return found if _is_near_the_brand(brand) else []
        return self._near_as_a_whole(rest) if plain.startswith(BRAND) else []

    def _near_as_a_whole(self, wanted: str) -> list[str]:
        from difflib import get_close_matches  # noqa: PLC0415  # as above

        short = {name.removeprefix(BRAND): name for name in self.known}
        return [short[name] for name in get_close_matches(wanted, short, n=1, cutoff=_NEAR_AS_A_WHOLE)]


def report(names: tuple[str, ...]) -> str:
    """One sentence about names that have no effect; empty if there are none."""
    if not names:
        return ""
    more = f" and {len(names) - _MENTIONED} more" if len(names) > _MENTIONED else ""
    listed = ", ".join(map(shown, names[:_MENTIONED])) + more
    if len(names) == 1:
        return f"{listed} is not a variable of img402-mcp, so it has no effect."
    return f"{listed} are not variables of img402-mcp, so they have no effect."


def shown(name: str) -> str:
    return quoted(name, _SHOWN)


def _plain(name: str) -> str:
    """`img402-max payment` -> IMG402_MAX_PAYMENT."""
    return re.sub(r"^IMG_?402_?", BRAND, re.sub(r"[^A-Z0-9]+", "_", name.upper()))


def _is_near_the_brand(text: str) -> bool:
    from difflib import SequenceMatcher  # noqa: PLC0415  # as above

    return SequenceMatcher(None, text, BRAND.removesuffix("_")).ratio() >= _NEAR_BRAND


def _with_all_words_of(wanted: str, names: Iterable[str]) -> list[str]:
    """BUDGET -> DAILY_BUDGET, PAYMENT_MAX -> MAX_PAYMENT."""
    return sorted(name for name in names if {*wanted.split("_")} <= {*name.split("_")})


def _with_only_words_of(wanted: str, names: Iterable[str]) -> list[str]:
    """SCRUB_EXIF -> SCRUB."""
    return sorted(name for name in names if {*wanted.split("_")} >= {*name.split("_")})
