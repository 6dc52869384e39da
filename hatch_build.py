"""What the package says about itself in a registry: its address, and README.md as it is published, with absolute
links."""

import re
import sys
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

sys.path.append(str(Path(__file__).parent / "scripts"))
from release import published  # the build does not look there by itself

PLACES = {"Changelog": "blob/main/CHANGELOG.md", "Documentation": "tree/main/docs", "Issues": "issues"}
RELATIVE = r"\((?![a-z]+:|//|#)(?P<path>[^)\s]+)(?P<title>\s+\"[^\"]*\")?\)"
IMAGE = re.compile(r"!\[[^\]]*\]" + RELATIVE)
TEXT = r"(?P<text>(?:[^\[\]]|!?\[[^\]]*\](?:\([^)]*\))?)*)"  # brackets, and a picture
LINK = re.compile(rf"(?<!!)\[{TEXT}\]" + RELATIVE)


class LongDescription(MetadataHookInterface):
    """`repository` is the one place that holds the address. Empty: there is none yet, and no link to one."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository = self.config["repository"]
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = absolute(published(text, repository), repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = urls(repository)


def urls(repository: str) -> dict[str, str]:
    if not repository:
        return {}
    return {"Repository": repository} | {name: f"{repository}/{place}" for name, place in PLACES.items()}


def absolute(text: str, repository: str) -> str:
    """Relative links lead to the repository. Without one a link is its words, and a picture is left out."""
    if not repository:
        return LINK.sub(r"\g<text>", IMAGE.sub("", text))
    pictures = IMAGE.sub(lambda found: to(found, f"{repository}/raw/main"), text)
    return LINK.sub(lambda found: to(found, f"{repository}/blob/main"), pictures)


def to(found: re.Match[str], place: str) -> str:
    before = found[0][: found.start("path") - found.start()]
    return f"{before}{place}/{found['path'].removeprefix('./')}{found['title'] or ''})"
