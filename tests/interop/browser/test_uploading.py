"""People drop, paste or choose images, also by keyboard, and read what became of each."""

import json
import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

Visiting = Callable[..., Any]
Hosting = Callable[..., AbstractContextManager[str]]
DONE, FAILED, REFUSED = (f"li[data-state={state}]" for state in ("done", "failed", "refused"))


def file(name: str, content: bytes, media_type: str = "image/png") -> dict[str, Any]:
    return {"name": name, "mimeType": media_type, "buffer": content}


def choose(page: Any, *files: Any) -> None:
    page.set_input_files("#files", list(files))


def hold(page: Any) -> list[Any]:
    """From now on uploads wait on their way to the host: here they are."""
    held: list[Any] = []

    def keep(route: Any) -> None:
        held.append(route)

    page.route("**/api/free", keep)
    return held


def held_upload(page: Any, held: list[Any], number: int) -> Any:
    for _ in range(1000):
        if len(held) > number:
            return held[number]
        page.wait_for_timeout(10)  # hears what the browser does meanwhile
    pytest.fail(f"the browser sent {len(held)} uploads only")


def link_of(item: Any) -> str:
    return str(item.locator(".link").input_value())


def served(url: str) -> bytes:
    with urlopen(url) as answer:
        return bytes(answer.read())


def clipboard(page: Any) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def shown_width(page: Any, item: Any) -> int:
    """The width in pixels of the image that the thumbnail shows; 0 while it shows none."""
    image = item.locator("img").element_handle()
    page.wait_for_function("image => image.complete && !image.hidden && image.src.startsWith('http')", arg=image)
    return int(image.evaluate("image => image.naturalWidth"))


def test_a_chosen_image_becomes_a_link_with_its_markdown_and_its_picture(page: Any, host: str, screenshot: Path):
    choose(page, screenshot)
    item = page.locator(DONE)
    url = link_of(item)
    assert re.fullmatch(rf"{host}/[a-z0-9]+\.png", url)
    assert served(url) == screenshot.read_bytes()
    assert item.locator(".markdown").input_value() == f"![screenshot]({url})"
    assert item.locator(".name a").get_attribute("href") == url
    assert shown_width(page, item) == 48
    assert re.fullmatch(r"Kept until \d+ \w+ \d{4}, \d\d:\d\d", item.locator(".state").inner_text())
    assert page.locator("#status").inner_text() == "screenshot.png is uploaded. Its link is ready."


def test_an_uploaded_image_can_be_deleted_by_its_uploader(page: Any, screenshot: Path, screenshots: Path):
    choose(page, screenshot)
    item = page.locator(DONE)
    url = link_of(item)
    item.screenshot(path=screenshots / "deletable.png")
    page.once("dialog", lambda dialog: dialog.dismiss())
    item.get_by_role("button", name="Delete").click()
    assert served(url) == screenshot.read_bytes()
    page.once("dialog", lambda dialog: dialog.accept())
    item.get_by_role("button", name="Delete").click()
    gone = page.locator("li[data-state=deleted]")
    assert gone.locator(".state").inner_text() == "Deleted. Its link works no more."
    assert not gone.locator(".links").is_visible()
    assert not gone.locator(".act").is_visible()
    with pytest.raises(HTTPError, match="404"):
        served(url)


def test_a_deletion_that_the_host_does_not_confirm_is_reported(page: Any, screenshot: Path):
    choose(page, screenshot)
    item = page.locator(DONE)
    page.route("**/delete/**", lambda route: route.abort())
    page.once("dialog", lambda dialog: dialog.accept())
    item.get_by_role("button", name="Delete").click()
    page.wait_for_function("document.querySelector('.state').textContent.startsWith('Not deleted')")
    assert served(link_of(item)) == screenshot.read_bytes()


@pytest.mark.parametrize("y", [pytest.param(300, id="onto-the-field"), pytest.param(600, id="beside-it")])
def test_a_dragged_file_is_uploaded_once(page: Any, screenshot: Path, screenshots: Path, y: int):
    dragged = {"items": [], "files": [str(screenshot)], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": y, "data": dragged})
    page.locator("html.dragging").wait_for()
    page.screenshot(path=screenshots / "dragging.png")
    devtools.send("Input.dispatchDragEvent", {"type": "drop", "x": 300, "y": y, "data": dragged})
    assert served(link_of(page.locator(DONE))) == screenshot.read_bytes()
    assert page.locator("html.dragging").count() == 0
    assert page.locator("li").count() == 1


def test_a_pasted_image_is_uploaded(page: Any, screenshot: Path):
    page.evaluate(
        """async (bytes) => {
            const blob = new Blob([new Uint8Array(bytes)], {type: "image/png"});
            await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
        }""",
        [*screenshot.read_bytes()],
    )
    page.keyboard.press("Control+V")
    item = page.locator(DONE)
    assert served(link_of(item)).startswith(b"\x89PNG")  # the browser writes the pixels again
    assert shown_width(page, item) == 48


def test_pasted_text_is_answered_with_a_hint(page: Any):
    page.evaluate("navigator.clipboard.writeText('no picture')")
    page.keyboard.press("Control+V")
    page.get_by_text("The clipboard holds no image.").wait_for()
    assert page.locator("li").count() == 0


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        pytest.param(
            file("big.png", b"\x89PNG\r\n\x1a\n" + bytes(1_048_576)),
            "Not uploaded. It has 1 MB (1,048,584 bytes); at most 1 MB (1,048,576 bytes) are accepted here. "
            "Make it smaller: fewer pixels, or WebP.",
            id="too-large",
        ),
        pytest.param(
            file("notes.txt", b"Dear diary", "text/plain"),
            "Not uploaded. It is text/plain; PNG, JPEG, GIF and WebP are accepted here.",
            id="wrong-type",
        ),
        pytest.param(
            file("empty.png", b""),
            "Not uploaded. It is empty. Check that it was completely written.",
            id="empty",
        ),
    ],
)
def test_an_image_that_would_be_refused_is_not_sent(page: Any, chosen: Any, words: str):
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, chosen)
    assert page.locator(REFUSED).locator(".state").inner_text() == words
    assert page.locator("#status").inner_text() == f"{chosen['name']} was not uploaded. {words[14:]}"
    assert "POST" not in sent


def test_the_servers_word_is_final(page: Any):
    choose(page, file("renamed.png", b"%PDF-1.7 " + bytes(200)))
    words = page.locator(REFUSED).locator(".state").inner_text()
    assert words.startswith("Not uploaded. The file ")
    assert words.endswith("PNG, JPEG, GIF and WebP are accepted; the bytes decide, not the name.")


def test_a_limit_that_the_page_does_not_know_yet_is_shown_in_the_servers_words(
    visiting: Visiting, hosting: Hosting, picture_of: Callable[..., bytes]
):
    with hosting(IMG402_HOST_FREE_MAX_BYTES="500000") as url:
        page = visiting(url)
        page.route("**/", lambda route: route.fulfill(body=served(f"{url}/").replace(b"500000", b"900000")))
        page.reload()
        choose(page, file("large.png", picture_of(10, 10, padding=700_000)))
        words = page.locator(REFUSED).locator(".state").inner_text()
    assert words.startswith("Not uploaded. The request carries more than the 500000 bytes (488.3 KB)")


def test_the_daily_limit_is_shown_and_the_image_can_be_tried_again(
    visiting: Visiting, hosting: Hosting, screenshot: Path, screenshots: Path
):
    with hosting(IMG402_HOST_FREE_DAILY_PER_ADDRESS="1") as url:
        page = visiting(url)
        choose(page, screenshot)
        page.locator(DONE).wait_for()
        choose(page, file("one-more.png", screenshot.read_bytes()))
        words = page.locator(FAILED).locator(".state").inner_text()
        page.screenshot(path=screenshots / "daily-limit.png", full_page=True)
    limit = "Not uploaded. The daily limit of 1 for free uploads from your address is reached. Try again after midnight"
    assert words.startswith(limit)
    assert page.get_by_role("button", name="Try again the upload of one-more.png").is_visible()


def test_what_broke_off_can_be_tried_again(page: Any, screenshot: Path):
    page.route("**/api/free", lambda route: route.abort("connectionreset"), times=1)
    choose(page, screenshot)
    assert "broke off before the server answered" in page.locator(FAILED).locator(".state").inner_text()
    page.get_by_role("button", name="Try again").click()
    assert served(link_of(page.locator(DONE))) == screenshot.read_bytes()


def test_an_answer_without_json_is_shown_by_its_status(page: Any, screenshot: Path):
    page.route("**/api/free", lambda route: route.fulfill(status=413, body="<h1>Too large</h1>"))
    choose(page, screenshot)
    words = page.locator(REFUSED).locator(".state").inner_text()
    assert words == "Not uploaded. The server answered 413 and did not say why."


def test_of_many_images_three_are_on_their_way_at_a_time(page: Any, screenshot: Path):
    on_their_way = hold(page)
    choose(page, *[file(f"{number}.png", screenshot.read_bytes()) for number in range(5)])
    states = [item.get_attribute("data-state") for item in page.locator("li").all()]
    assert states == ["sending", "sending", "sending", "waiting", "waiting"]
    for number in range(5):
        held_upload(page, on_their_way, number).continue_()
    page.locator(DONE).nth(4).wait_for()
    assert page.locator(".name").all_inner_texts() == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    assert len({link_of(item) for item in page.locator(DONE).all()}) == 5


def test_two_images_at_once_give_one_text_of_markdown(page: Any, screenshot: Path):
    choose(page, file("first one.png", screenshot.read_bytes()), file("[2].png", screenshot.read_bytes()))
    page.locator(DONE).nth(1).wait_for()
    page.get_by_role("button", name="Copy all markdown").click()
    page.get_by_role("button", name="Copied").wait_for()
    first, second = (link_of(item) for item in page.locator(DONE).all())
    assert clipboard(page) == f"![first one]({first})\n![\\[2\\]]({second})"


def test_progress_rises_while_the_bytes_leave(page: Any, picture_of: Callable[..., bytes], screenshots: Path):
    devtools = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 600_000}
    devtools.send("Network.emulateNetworkConditions", slow)
    page.evaluate(
        """() => {
            window.seen = [];
            const look = () => document.querySelectorAll("progress:not([hidden])").forEach(bar => seen.push(bar.value));
            new MutationObserver(look).observe(document.getElementById("list"), {subtree: true, childList: true});
        }"""
    )
    choose(page, file("large.png", picture_of(10, 10, padding=900_000)))
    page.wait_for_function("() => seen.some(share => share > 0.2)")
    page.screenshot(path=screenshots / "progress.png")
    page.locator(DONE).wait_for()
    seen = page.evaluate("seen")
    assert seen == sorted(seen)
    assert len({*seen}) > 3


def test_an_upload_can_be_cancelled(page: Any, screenshot: Path):
    hold(page)
    with page.expect_event("requestfailed") as given_up:
        choose(page, screenshot)
        page.get_by_role("button", name="Cancel the upload of screenshot.png").click()
    assert given_up.value.failure == "net::ERR_ABORTED"
    assert page.locator("li").count() == 0
    assert page.locator("#status").inner_text() == "The upload of screenshot.png was cancelled."
    page.unroute("**/api/free")
    choose(page, screenshot)
    page.locator(DONE).wait_for()


def test_names_are_text_and_never_markup(page: Any, screenshot: Path):
    name = "<img src=x onerror=alert(1)>](javascript:0).png"
    choose(page, file(name, screenshot.read_bytes()))
    item = page.locator(DONE)
    assert item.locator(".name").inner_text() == name
    assert item.locator("img").count() == 1
    assert item.locator(".markdown").input_value() == (
        rf"![\<img src=x onerror=alert(1)\>\](javascript:0)]({link_of(item)})"
    )


@pytest.mark.parametrize("kind", ["link", "markdown"])
def test_copy_puts_it_on_the_clipboard_and_says_so(page: Any, screenshot: Path, kind: str):
    choose(page, screenshot)
    page.get_by_role("button", name=f"Copy the {kind} of screenshot.png").click()
    page.get_by_role("button", name=f"Copied the {kind} of screenshot.png").wait_for()
    assert clipboard(page) == page.locator(f".{kind}").input_value()
    assert page.locator("#status").inner_text() == "Copied."


def test_the_copied_curl_line_uploads(page: Any, host: str, screenshot: Path):
    page.get_by_role("button", name="Copy the curl command").click()
    page.get_by_role("button", name="Copied the curl command").wait_for()
    line = clipboard(page)
    assert line == f"curl -F image=@screenshot.png {host}/api/free"
    answer = subprocess.run(["sh", "-c", f"{line} -s"], cwd=screenshot.parent, capture_output=True, check=True).stdout
    assert served(json.loads(answer)["url"]) == screenshot.read_bytes()


def test_the_keyboard_is_enough(page: Any, screenshot: Path):
    page.bring_to_front()  # else a busy machine's browser may drop the first keys
    with page.expect_file_chooser() as chooser:  # first: a busy browser takes a moment to hand its chooser over
        page.keyboard.press("Tab")
        page.wait_for_function("document.activeElement.id === 'files'")
        page.keyboard.press("Space")
    chooser.value.set_files(screenshot)
    page.locator(DONE).wait_for()
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent || document.activeElement.className"))
    assert reached == [
        "screenshot.png",
        "link",
        "Copy the link of screenshot.png",
        "markdown",
        "Copy the markdown of screenshot.png",
    ]
    page.keyboard.press("Enter")
    page.get_by_text("Copied", exact=True).first.wait_for()
    assert clipboard(page) == page.locator(".markdown").input_value()


def test_without_https_and_at_another_name_the_page_works_too(
    visiting: Visiting, hosting: Hosting, free_port: int, screenshot: Path
):
    """The clipboard's own interface is missing there, and the images' address is not the page's."""
    public = f"http://images.test:{free_port}"
    with hosting("--public-url", public, port=free_port) as url:
        page = visiting(public, permissions=[])
        assert page.evaluate("navigator.clipboard") is None
        choose(page, screenshot)
        page.get_by_role("button", name="Copy the link").click()
        page.get_by_role("button", name="Copied the link").wait_for()
        assert page.evaluate("document.activeElement.textContent") == "Copied the link of screenshot.png"
        elsewhere = visiting(url)
        assert clipboard(elsewhere) == link_of(page.locator(DONE))
        choose(elsewhere, screenshot)
        assert shown_width(elsewhere, elsewhere.locator(DONE)) == 48
        assert link_of(elsewhere.locator(DONE)).startswith(public)


def test_without_javascript_the_form_takes_an_image_and_answers_with_json(
    visiting: Visiting, host: str, screenshot: Path, screenshots: Path
):
    page = visiting(host, java_script_enabled=False)
    assert f"Or: curl -F image=@screenshot.png {host}/api/free" in page.locator("noscript").inner_text()
    page.screenshot(path=screenshots / "without-javascript.png", full_page=True)
    choose(page, screenshot)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_url("**/api/free")
    assert served(json.loads(page.locator("pre").inner_text())["url"]) == screenshot.read_bytes()
