"""The page as it looks: light and dark, on a desk and on a phone, to those who see it and to those who hear it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.keys import PAYEE

Visiting = Callable[..., Any]
PLAY = {"IMG402_HOST_PAY_TO": PAYEE, "IMG402_HOST_FACILITATOR": "play"}
DESK, PHONE = {"width": 1100, "height": 900}, {"width": 375, "height": 800}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LONG = "a-screenshot-with-a-name-that-has-no-end-and-no-place-to-break-" * 2 + ".png"

each_look = pytest.mark.parametrize("scheme", ["light", "dark"])
each_width = pytest.mark.parametrize("viewport", [pytest.param(DESK, id="desk"), pytest.param(PHONE, id="phone")])


@pytest.fixture(scope="module")
def playing(hosting: Callable[..., AbstractContextManager[str]]):
    with hosting(**PLAY) as url:
        yield url


def fill(page: Any, screenshot: Path) -> None:
    """One of each: two uploaded, one refused here, one by the server, one that waits for its answer."""
    content = screenshot.read_bytes()
    names = {"login.png": content, LONG: content, "broken.png": bytes(100)}
    files = [{"name": name, "mimeType": "image/png", "buffer": body} for name, body in names.items()]
    page.set_input_files("#files", [*files, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Dear diary"}])
    page.locator("li[data-state=done]").nth(1).wait_for()
    page.locator("li[data-state=refused]").nth(1).wait_for()
    page.route("**/api/free", lambda _route: None)
    page.set_input_files("#files", screenshot)
    page.locator("li[data-state=sending]").wait_for()
    page.wait_for_function("() => [...document.images].every(image => image.complete)")


def violations(page: Any, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run(document, {runOnly: rules, preload: false})", RULES)
    return [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]


@each_look
@each_width
def test_the_page_is_accessible_and_fits_the_screen(
    visiting: Visiting,
    playing: str,
    axe: str,
    screenshot: Path,
    screenshots: Path,
    scheme: str,
    viewport: dict[str, int],
):
    page = visiting(playing, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    for state in ("empty", "filled"):
        if state == "filled":
            fill(page, screenshot)
        page.screenshot(path=screenshots / f"{state}-{scheme}-{viewport['width']}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
        assert violations(page, axe) == []


@each_look
def test_the_page_follows_the_systems_colour_scheme(visiting: Visiting, host: str, scheme: str):
    page = visiting(host, color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(246, 245, 241)", "dark": "rgb(17, 21, 20)"}[scheme]


def test_play_money_is_the_first_thing_said(visiting: Visiting, playing: str):
    page = visiting(playing)
    said = page.locator("main").inner_text()
    assert said.startswith("PLAY MONEY. Payments on this host move nothing and are worth nothing.")
    assert "PLAY MONEY, worth nothing: 0.01 USDC on base-sepolia" in said


def test_the_focus_is_seen(page: Any, screenshots: Path):
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.querySelector('.drop')).outline")
    page.screenshot(path=screenshots / "focus.png")
    assert outline == "rgb(11, 107, 92) solid 3px"


def test_a_screen_reader_gets_the_pages_parts(page: Any):
    assert page.locator("main").aria_snapshot().splitlines()[:2] == [
        "- main:",
        '  - heading "Drop an image, get a link" [level=1]',
    ]
    chooser = page.get_by_label("Drop images here or choose files or paste")
    assert chooser.get_attribute("type") == "file"
    assert page.locator("#terms").inner_text() == "PNG, JPEG, GIF and WebP · up to 1 MB each · kept for 7 days"
    regions = page.get_by_role("region").evaluate_all("all => all.map(one => one.getAttribute('aria-labelledby'))")
    assert regions == ["limits", "shell", "agent"]
