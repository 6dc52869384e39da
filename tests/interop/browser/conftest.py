"""The page in a real, headless Chromium, driven by Playwright.

Playwright downloads no browser here: Chromium is the system's, installed by apt where it is missing. Screenshots
are kept in .cache/interop/screenshots.
"""

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

CACHE = Path(__file__).parents[3] / ".cache" / "interop"
PLAYWRIGHT = ["playwright==1.65.2", "greenlet==3.5.6"]
AXE = {"dependencies": {"axe-core": "4.14.1"}}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # a sandbox cannot be had as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A name that the browser does not know as loopback: the page as on an intranet, without https.
    "--host-resolver-rules=MAP images.test 127.0.0.1",
)
CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program; skipped where there is none and apt brings none."""
    if not any(map(shutil.which, CHROMIUM)) and shutil.which("apt-get"):
        for words in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
            subprocess.run(["apt-get", *words], check=False, capture_output=True)
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    return found or pytest.skip("there is no Chromium, and apt-get brings none")


@pytest.fixture(scope="session")
def playwright_library(installed: Callable[..., Path]) -> Any:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    folder = installed(PLAYWRIGHT[0], [*pip, "--only-binary=:all:", "--target", "{}", *PLAYWRIGHT])
    sys.path.append(str(folder))
    return import_module("playwright.sync_api")


@pytest.fixture(scope="module")
def browser(playwright_library: Any, chromium: str) -> Iterator[Any]:
    """For one module, since its event loop stands in the way of other tests' own."""
    with playwright_library.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visiting(browser: Any) -> Iterator[Callable[..., Any]]:
    """`visiting(url, **options)`: a page in a profile of its own; red in the end if the browser complained about it.

    That a server refuses or breaks off is no complaint about the page.
    """
    complaints: list[str] = []

    def hear(message: Any) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    contexts = []

    def visit(url: str, **options: Any) -> Any:
        contexts.append(browser.new_context(**{"locale": "en-GB", "permissions": CLIPBOARD, **options}))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(visiting: Callable[..., Any], host: str) -> Any:
    return visiting(host)


@pytest.fixture(scope="module")
def hosting(
    running: Callable[..., AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., AbstractContextManager[str]]:
    """`with hosting("--public-url", url, port=0, IMG402_HOST_FREE_DAILY="1") as url`: a host of the test's own."""

    @contextmanager
    def start(*words: str, port: int = 0, **environ: str) -> Iterator[str]:
        data = tmp_path_factory.mktemp("host")
        with running(["-m", "img402_mcp", "host", "--port", str(port), "--data", data, *words], environ) as url:
            yield url

    return start


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def axe(npm_install: Callable[..., Path]) -> str:
    """axe-core's script, which checks a page against WCAG's rules."""
    return (npm_install("axe", AXE) / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = CACHE / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
