"""Real screenshots of the pages beside this file, taken by Chromium where it is installed, kept in .cache/corpus."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PAGES = Path(__file__).with_name("pages")
CACHE = Path(__file__).parents[2] / ".cache" / "corpus"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=8000",
)


@dataclass(frozen=True)
class Screen:
    page: str
    ratio: int
    width: int
    height: int

    @property
    def name(self) -> str:
        return f"{self.page}-{self.width}x{self.height}@{self.ratio}x.png"


NAMES = ("article", "chat", "dashboard", "editor", "gallery", "map", "terminal")
SCREENS = (
    *(Screen(page, 1, 1920, 1080) for page in NAMES),
    *(Screen(page, 2, 1440, 900) for page in NAMES),
    *(Screen(page, 2, 1728, 1117) for page in NAMES),
    *(Screen(page, 3, 430, 932) for page in NAMES),
    *(Screen(page, 1, 1280, 5000) for page in NAMES),
    *(Screen(page, 2, 1280, 2600) for page in NAMES),
    *(Screen(page, 3, 1440, 900) for page in NAMES),
)


def screens() -> Iterator[Path]:
    """Empty where there is no browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    CACHE.mkdir(parents=True, exist_ok=True)
    for screen in SCREENS if browser else ():
        path = CACHE / screen.name
        if not path.exists():
            _take(str(browser), screen, path)
        yield path


def _take(browser: str, screen: Screen, path: Path) -> None:
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        size = (f"--window-size={screen.width},{screen.height}", f"--force-device-scale-factor={screen.ratio}")
        where = (f"--user-data-dir={profile}", f"--screenshot={path}", f"{(PAGES / screen.page).as_uri()}.html")
        subprocess.run([browser, *FLAGS, *size, *where], check=True, capture_output=True, timeout=60)
