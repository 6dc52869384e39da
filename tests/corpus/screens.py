"""Real screenshots of the pages next to this file and of the host's own page, taken by Chromium where it is installed.

They are kept in .cache/corpus.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    *(Screen("host", ratio, 1440, 1400) for ratio in (1, 2, 3)),
)


def screens() -> Iterator[Path]:
    """Empty where there is no browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    CACHE.mkdir(parents=True, exist_ok=True)
    for screen in SCREENS if browser else ():
        path = CACHE / screen.name
        if not path.exists():
            with _address(screen.page) as address:
                _take(str(browser), screen, path, address)
        yield path


@contextmanager
def _address(page: str) -> Iterator[str]:
    if page != "host":
        yield f"{(PAGES / page).as_uri()}.html"
        return
    with TemporaryDirectory() as data, _host(data) as address:
        yield f"{address}/"


@contextmanager
def _host(data: str) -> Iterator[str]:
    command = [sys.executable, "-m", "img402_mcp", "host", "--port", "0", "--data", data]
    with subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True) as host:
        try:
            assert host.stderr is not None
            yield next(found[0] for line in host.stderr if (found := re.search(r"http://[0-9.:]+", line)))
        finally:
            host.terminate()


def _take(browser: str, screen: Screen, path: Path, address: str) -> None:
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        size = (f"--window-size={screen.width},{screen.height}", f"--force-device-scale-factor={screen.ratio}")
        where = (f"--user-data-dir={profile}", f"--screenshot={path}", address)
        subprocess.run([browser, *FLAGS, *size, *where], check=True, capture_output=True, timeout=60)
