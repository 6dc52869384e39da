import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from img402_mcp.client.files.image import Image, read_image
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_open import CAN_WALK, OPENING, Opening, open_by_rechecking, open_by_walking
from img402_mcp.errors import ReadRefused, SettingsError, quoted
from img402_mcp.formats import PNG, Picture

LIMIT = 1_048_576
OUTSIDE = "does not lead into an allowed folder."
CHANGED = "changed while it was read; try again."
LINKED = "goes through a link that leads in a circle, or that was put there while it was read."
NO_FOLDER = "goes through something that is not a folder, or that was swapped for a link while it was read."
NO_FILE = "is not a regular file but a device, pipe or socket."


Answer = TypeVar("Answer")


@dataclass(frozen=True)
class World:
    here: Path
    allow: Path
    second: Path
    secret: Path
    roots: Roots
    image: bytes
    secret_image: bytes

    def path(self, template: str) -> str:
        return template.format(here=self.here, allow=self.allow, second=self.second, secret=self.secret)


def made_world(here: Path, sample: Callable[[str], bytes]) -> World:
    image, secret_image = sample("plain.png"), sample("still.gif")
    allow, second, secret = (here / name for name in ("allow", "second", "secret"))
    for folder in (allow / "sub", second, secret / "sub"):
        folder.mkdir(parents=True)
    for folder in (allow, allow / "sub", second):
        (folder / "shot.png").write_bytes(image)
    for folder in (secret, secret / "sub"):
        (folder / "shot.png").write_bytes(secret_image)
    roots = Roots.resolve([allow, second])
    return World(here, allow, second, secret, roots, image, secret_image)


@pytest.fixture
def world(tmp_path: Path, sample: Callable[[str], bytes]) -> World:
    return made_world(tmp_path, sample)


@pytest.fixture
def links(world: World) -> None:
    """Links are named for what they lead to."""
    targets = {
        "to-file": world.allow / "shot.png",
        "to-folder": world.allow / "sub",
        "to-second": world.second,
        "to-link": Path("to-file"),
        "to-up-and-back": Path("sub") / ".." / "shot.png",
        "to-loop": Path("to-loop"),
        "to-loop-a": Path("to-loop-b"),
        "to-loop-b": Path("to-loop-a"),
        "to-nothing": Path("nothing"),
        "to-secret-file": world.secret / "shot.png",
        "to-secret-folder": world.secret,
        "to-secret-none": world.secret / "none.png",
        "to-secret-link": world.secret / "loop",
        "to-root": Path("/"),
    }
    for name, target in targets.items():
        (world.allow / name).symlink_to(target)
    (world.secret / "loop").symlink_to("loop")
    (world.secret / "to-allow").symlink_to(world.allow)


@pytest.fixture
def no_files(world: World) -> Iterator[None]:
    """What has a name and is no file."""
    os.mkfifo(world.allow / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        # A socket's address is short, so it is given from within the folder.
        before = Path.cwd()
        os.chdir(world.allow)
        listener.bind("socket")
        os.chdir(before)
        yield


@pytest.fixture(params=[open_by_walking, open_by_rechecking], ids=["walking", "rechecking"])
def opening(request: pytest.FixtureRequest) -> Opening:
    """Both ways to open, the second one as Windows does it."""
    way: Opening = request.param
    return way


def whole(path: Path, data: bytes) -> Image:
    return Image(path, data, Picture(PNG, 48, 32, len(data)))


def allowed(roots: Roots) -> str:
    names = ", ".join(f'"{root}"' for root in roots.directories)
    return f"Allowed folders: {names} (set by IMG402_ALLOW_DIRS or --allow-dir)."


def promptly(ask: Callable[[], Answer]) -> Answer:
    """In a thread that may be left behind, so that what hangs is a failure and not the end of the tests."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:  # noqa: BLE001  it is raised again by result()
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(timeout=10)


def refusal(path: str, roots: Roots, **options: object) -> str:
    with pytest.raises(ReadRefused) as caught:
        read_image(path, roots, **({"limit": LIMIT} | options))  # type: ignore[arg-type]
    return str(caught.value)


# What is read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param("{allow}/shot.png", "{allow}/shot.png", id="plain"),
        pytest.param("{second}/shot.png", "{second}/shot.png", id="second-root"),
        pytest.param("{allow}//sub///shot.png", "{allow}/sub/shot.png", id="doubled-slashes"),
        pytest.param("/{allow}/shot.png", "{allow}/shot.png", id="two-slashes-in-front"),
        pytest.param("{allow}/./sub/./shot.png", "{allow}/sub/shot.png", id="dots"),
        pytest.param("{allow}/sub/../shot.png", "{allow}/shot.png", id="up-within-the-root"),
        pytest.param("{secret}/../allow/shot.png", "{allow}/shot.png", id="up-and-into-the-root"),
        pytest.param("{allow}/shot.png/", "{allow}/shot.png", id="trailing-slash"),
        pytest.param("file://{allow}/shot.png", "{allow}/shot.png", id="file-url"),
        pytest.param("file://localhost{allow}/shot.png", "{allow}/shot.png", id="file-url-localhost"),
        pytest.param("FILE://LOCALHOST{allow}/shot.png", "{allow}/shot.png", id="file-url-in-capitals"),
        pytest.param("file://{allow}/%73hot.png", "{allow}/shot.png", id="file-url-encoded"),
        pytest.param("file://{allow}/sub/%2e%2e/shot.png", "{allow}/shot.png", id="file-url-encoded-up"),
        pytest.param("{allow}/to-file", "{allow}/shot.png", id="link-to-file"),
        pytest.param("{allow}/to-folder/shot.png", "{allow}/sub/shot.png", id="link-to-folder"),
        pytest.param("{allow}/to-link", "{allow}/shot.png", id="link-to-link"),
        pytest.param("{allow}/to-up-and-back", "{allow}/shot.png", id="link-with-up"),
        pytest.param("{allow}/to-second/shot.png", "{second}/shot.png", id="link-to-second-root"),
        pytest.param("{allow}/to-second/../shot.png", "{allow}/shot.png", id="up-behind-a-link"),
        pytest.param("{allow}/none/../shot.png", "{allow}/shot.png", id="up-from-a-missing-folder"),
        pytest.param("{secret}/to-allow/shot.png", "{allow}/shot.png", id="link-from-outside"),
    ],
)
@pytest.mark.usefixtures("links")
def test_a_path_that_leads_into_a_root_is_read(world: World, opening: Opening, given: str, read: str):
    image = read_image(world.path(given), world.roots, limit=LIMIT, opening=opening)
    assert image == whole(Path(world.path(read)), world.image)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a b.png", id="space"),
        pytest.param("shot.png ", id="trailing-space"),
        pytest.param("shot.png.", id="trailing-dot"),
        pytest.param("shot.png'", id="trailing-quote"),
        pytest.param("..shot.png", id="leading-dots"),
        pytest.param("%2e%2e", id="percent-is-literal"),
        pytest.param("~", id="tilde"),
        pytest.param("-rf.png", id="dash"),
        pytest.param("a\nb.png", id="newline"),
        pytest.param("a\\b.png", id="backslash"),
        pytest.param("Caf\u00e9.png", id="composed"),
        pytest.param("Cafe\u0301.png", id="decomposed"),
        pytest.param("9.41\u202fAM.png", id="narrow-space"),
        pytest.param("a" * 251 + ".png", id="longest-name"),
        pytest.param("secret.pdf", id="an-image-named-pdf"),
    ],
)
def test_a_name_is_taken_exactly_as_it_is_written(world: World, name: str):
    (world.allow / name).write_bytes(world.image)
    image = read_image(f"{world.allow}/{name}", world.roots, limit=LIMIT)
    assert image == whole(world.allow / name, world.image)


def test_of_two_names_that_look_alike_the_exact_one_is_read(world: World, sample: Callable[[str], bytes]):
    twins = {"Caf\u00e9.png": sample("plain.png"), "Cafe\u0301.png": sample("palette.png")}
    for name, data in twins.items():
        (world.allow / name).write_bytes(data)
    read = {name: read_image(f"{world.allow}/{name}", world.roots, limit=LIMIT).data for name in twins}
    assert read == twins


def test_a_path_deeper_than_the_system_opens_at_once_is_still_too_long_for_us(world: World):
    path = f"{world.allow}/{'sub/' * 2000}shot.png"
    assert refusal(path, world.roots) == (
        f"{quoted(path)} is {len(path):,} characters long; a path has at most 4,096. {allowed(world.roots)}"
    )


def test_a_relative_path_starts_at_the_working_directory(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(world.allow)
    assert read_image("sub/shot.png", world.roots, limit=LIMIT).path == world.allow / "sub" / "shot.png"


def test_a_relative_path_starts_at_the_base_if_one_is_given(world: World):
    assert read_image("shot.png", world.roots, limit=LIMIT, base=world.second).path == world.second / "shot.png"


def test_a_relative_path_that_is_refused_is_told_where_it_started(world: World):
    assert refusal("shot.png", world.roots, base=world.secret) == (
        f'"shot.png" {OUTSIDE} A relative path starts at "{world.secret}". {allowed(world.roots)}'
    )


def test_a_relative_path_in_a_deleted_working_directory_starts_at_the_top(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    gone = world.here / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert refusal("shot.png", world.roots) == (
        f'"shot.png" {OUTSIDE} A relative path starts at "/". {allowed(world.roots)}'
    )


@pytest.mark.parametrize("given", ["~/shot.png", "~/sub/../shot.png"])
def test_a_tilde_is_the_home_folder(world: World, monkeypatch: pytest.MonkeyPatch, given: str):
    monkeypatch.setenv("HOME", str(world.allow))
    assert read_image(given, world.roots, limit=LIMIT) == whole(world.allow / "shot.png", world.image)


def test_a_tilde_alone_is_the_home_folder(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(world.allow))
    assert refusal("~", world.roots) == f'"~" is a folder; the path of one file was wanted. {allowed(world.roots)}'


@pytest.mark.parametrize("given", ["~root/shot.png", "~+/shot.png", "sub/~/shot.png"])
def test_a_tilde_anywhere_else_is_a_letter(world: World, given: str):
    (world.allow / given).parent.mkdir(parents=True)
    (world.allow / given).write_bytes(world.image)
    assert read_image(given, world.roots, limit=LIMIT, base=world.allow).path == world.allow / given


def test_a_root_that_is_a_link_is_resolved_at_start(world: World):
    (world.here / "linked").symlink_to(world.allow)
    roots = Roots.resolve([world.here / "linked"])
    assert roots == Roots((world.allow,))
    assert read_image(f"{world.here}/linked/shot.png", roots, limit=LIMIT) == whole(
        world.allow / "shot.png", world.image
    )


def test_a_root_that_was_deleted_and_made_anew_goes_on_working(world: World):
    world.allow.rename(world.here / "old")
    assert "does not exist" in refusal(f"{world.allow}/shot.png", world.roots)
    world.allow.mkdir()
    (world.allow / "shot.png").write_bytes(world.image)
    assert read_image(f"{world.allow}/shot.png", world.roots, limit=LIMIT).data == world.image


def test_the_whole_file_system_can_be_a_root(world: World):
    assert read_image(f"{world.secret}/shot.png", Roots.resolve(["/"]), limit=LIMIT).data == world.secret_image


# Invariant 2: nothing outside the allow-list is opened


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("{secret}/shot.png", id="secret-file"),
        pytest.param("{secret}", id="secret-folder"),
        pytest.param("{secret}/none.png", id="secret-missing"),
        pytest.param("{secret}/shot.png/none", id="below-a-secret-file"),
        pytest.param("{secret}/loop", id="secret-loop"),
        pytest.param("{secret}/" + "a" * 300, id="secret-name-too-long"),
        pytest.param("{allow}-evil/shot.png", id="prefix-twin"),
        pytest.param("{allow}-missing/shot.png", id="missing-prefix-twin"),
        pytest.param("{allow}/../secret/shot.png", id="up"),
        pytest.param("{allow}/sub/../../secret/shot.png", id="up-twice"),
        pytest.param("{allow}/none/../../secret/shot.png", id="up-from-a-missing-folder"),
        pytest.param("{allow}/..", id="only-up"),
        pytest.param("{here}", id="parent-of-the-root"),
        pytest.param("/", id="top"),
        pytest.param("{allow}/" + "../" * 900 + "etc/passwd", id="up-beyond-the-top"),
        pytest.param("file://{secret}/shot.png", id="file-url"),
        pytest.param("file://{allow}/%2e%2e/secret/shot.png", id="file-url-encoded-up"),
        pytest.param("file://{allow}%2f..%2fsecret%2fshot.png", id="file-url-encoded-slash"),
        pytest.param("{allow}/to-secret-file", id="link-to-secret"),
        pytest.param("{allow}/to-secret-folder", id="link-to-secret-folder"),
        pytest.param("{allow}/to-secret-folder/shot.png", id="through-a-link-to-the-secret-folder"),
        pytest.param("{allow}/to-secret-none", id="link-to-missing"),
        pytest.param("{allow}/to-secret-link", id="link-to-secret-loop"),
        pytest.param("{allow}/to-root/etc/passwd", id="link-to-the-top"),
        pytest.param("/dev/zero", id="device"),
        pytest.param("/proc/self/environ", id="proc"),
        pytest.param("~", id="home"),
        pytest.param("~/.ssh/id_ed25519", id="key-in-home"),
    ],
)
@pytest.mark.usefixtures("links")
def test_invariant_2_outside_the_roots_there_is_one_answer(
    world: World, opening: Opening, monkeypatch: pytest.MonkeyPatch, given: str
):
    monkeypatch.setenv("HOME", str(world.secret))
    evil = world.here / "allow-evil"
    evil.mkdir()
    (evil / "shot.png").write_bytes(world.secret_image)
    path = world.path(given)
    assert refusal(path, world.roots, opening=opening) == f"{quoted(path)} {OUTSIDE} {allowed(world.roots)}"


@pytest.mark.parametrize("made", ["nothing", "file", "folder", "link-to-file", "link-elsewhere", "loop", "pipe"])
@pytest.mark.parametrize("detour", ["{here}/maybe/../allow/shot.png", "{here}/maybe/x/../../allow/shot.png"])
def test_invariant_2_a_detour_through_the_outside_tells_nothing(world: World, made: str, detour: str):
    make: dict[str, Callable[[Path], object]] = {
        "nothing": str,
        "file": Path.touch,
        "folder": Path.mkdir,
        "link-to-file": partial(Path.symlink_to, target=world.secret / "shot.png"),
        "link-elsewhere": partial(Path.symlink_to, target="/usr/lib"),
        "loop": partial(Path.symlink_to, target="maybe"),
        "pipe": os.mkfifo,
    }
    make[made](world.here / "maybe")
    assert read_image(world.path(detour), world.roots, limit=LIMIT).data == world.image


@contextmanager
def swapping(swap: Callable[[], None]) -> Iterator[None]:
    """Runs `swap` over and over in a thread of its own, and lets the threads take turns as often as they can."""
    stop, interval = threading.Event(), sys.getswitchinterval()

    def swap_on() -> None:
        while not stop.is_set():
            swap()

    thread = threading.Thread(target=swap_on)
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)


def linger() -> None:
    """For a few system calls, a different number each time; else the two threads may run in step."""
    for _ in range(random.randrange(10)):
        Path.cwd()


def swap_for_a_link(place: Path, target: Path) -> None:
    aside = place.with_name("aside")
    place.rename(aside)
    place.symlink_to(target)
    linger()
    place.unlink()
    aside.rename(place)
    linger()


def replace_by_a_link(place: Path, target: Path) -> None:
    """In one system call, since between the look at a file and its opening there is no time for two."""
    kept, coming = place.with_name("kept"), place.with_name("coming")
    if not kept.exists():
        kept.hardlink_to(place)
    coming.symlink_to(target)
    coming.replace(place)
    linger()
    coming.hardlink_to(kept)
    coming.replace(place)
    linger()


def swap_for_a_pipe(place: Path) -> None:
    aside, pipe = place.with_name("aside"), place.with_name("pipe")
    place.rename(aside)
    pipe.rename(place)
    linger()
    place.rename(pipe)
    aside.rename(place)
    linger()


def outcome(path: str, roots: Roots) -> bytes | str:
    try:
        return read_image(path, roots, limit=LIMIT).data
    except ReadRefused as refused:
        return str(refused)


def outcomes(path: str, roots: Roots, *awaited: bytes | str) -> set[bytes | str]:
    """Of two thousand rounds, or of some more until the awaited ones have come."""
    seen: set[bytes | str] = set()
    for count in range(50_000):
        if count >= 2000 and seen >= set(awaited):
            break
        seen.add(outcome(path, roots))
    return seen


@pytest.mark.parametrize(
    ("swap", "place", "target"),
    [
        pytest.param(swap_for_a_link, "{allow}/sub", "{secret}/sub", id="folder"),
        pytest.param(replace_by_a_link, "{allow}/sub/shot.png", "{secret}/sub/shot.png", id="file"),
        pytest.param(swap_for_a_link, "{allow}", "{secret}", id="root"),
    ],
)
def test_invariant_2_a_swap_for_a_link_never_yields_the_secret(
    world: World, swap: Callable[[Path, Path], None], place: str, target: str
):
    with swapping(partial(swap, Path(world.path(place)), Path(world.path(target)))):
        seen = outcomes(f"{world.allow}/sub/shot.png", world.roots, world.image)
    assert {each for each in seen if isinstance(each, bytes)} == {world.image}


def test_invariant_2_a_swap_of_the_roots_parent_never_yields_the_secret(world: World):
    evil = world.here / "evil"
    (evil / "allow").mkdir(parents=True)
    (evil / "allow" / "shot.png").write_bytes(world.secret_image)
    parent = world.here / "parent"
    (parent / "allow").mkdir(parents=True)
    (parent / "allow" / "shot.png").write_bytes(world.image)
    roots = Roots.resolve([parent / "allow"])
    with swapping(partial(swap_for_a_link, parent, evil)):
        seen = outcomes(f"{parent}/allow/shot.png", roots, world.image)
    assert {each for each in seen if isinstance(each, bytes)} == {world.image}


def test_invariant_2_a_swap_for_a_pipe_never_hangs(world: World):
    os.mkfifo(world.allow / "pipe")
    with swapping(partial(swap_for_a_pipe, world.allow / "shot.png")):
        seen = promptly(partial(outcomes, f"{world.allow}/shot.png", world.roots, world.image))
    assert {each for each in seen if isinstance(each, bytes)} == {world.image}


def swapped_after_the_look(place: Path, put: Callable[[Path], object], opening: Opening) -> Opening:
    """The worst moment, without luck: the path is resolved and allowed, and then something else is put there."""

    @contextmanager
    def swap_and_open(path: Path) -> Iterator[int]:
        place.rename(place.with_name("aside"))
        put(place)
        with opening(path) as descriptor:
            yield descriptor

    return swap_and_open


@pytest.mark.parametrize(
    ("place", "put", "opening", "clause"),
    [
        *(
            pytest.param("sub/shot.png", partial(Path.symlink_to, target=target), opening, LINKED, id=f"{way}-{name}")
            for way, opening in (("walking", open_by_walking), ("rechecking", open_by_rechecking))
            for name, target in {
                "file-for-a-link-to-a-file": "/etc/passwd",
                "file-for-a-link-to-nothing": "/etc/none",
                "file-for-a-link-to-a-folder": "/etc",
                "file-for-a-link-to-a-device": "/dev/zero",
                "file-for-a-link-into-the-root": "aside",
            }.items()
        ),
        pytest.param("sub/shot.png", os.mkfifo, open_by_walking, NO_FILE, id="walking-file-for-a-pipe"),
        pytest.param("sub/shot.png", os.mkfifo, open_by_rechecking, NO_FILE, id="rechecking-file-for-a-pipe"),
    ],
)
def test_invariant_2_a_file_swapped_after_the_look_is_not_followed(
    world: World, place: str, put: Callable[[Path], object], opening: Opening, clause: str
):
    path = f"{world.allow}/sub/shot.png"
    swap = swapped_after_the_look(world.allow / place, put, opening)
    said = promptly(partial(refusal, path, world.roots, opening=swap))
    assert said == f'"{path}" {clause} {allowed(world.roots)}'


@pytest.mark.parametrize(
    ("opening", "clause"),
    [
        pytest.param(open_by_walking, NO_FOLDER, id="walking"),
        pytest.param(open_by_rechecking, CHANGED, id="rechecking"),
    ],
)
@pytest.mark.parametrize(
    ("place", "target"),
    [
        pytest.param("{allow}/sub", "{secret}/sub", id="folder"),
        pytest.param("{allow}", "{secret}", id="root"),
        pytest.param("{here}", "{here}/../evil", id="roots-parent"),
    ],
)
def test_invariant_2_a_folder_swapped_after_the_look_is_not_followed(
    tmp_path: Path, sample: Callable[[str], bytes], place: str, target: str, opening: Opening, clause: str
):
    world = made_world(tmp_path / "world", sample)
    evil = tmp_path / "evil" / "allow" / "sub"
    evil.mkdir(parents=True)
    (evil / "shot.png").write_bytes(world.secret_image)
    path = f"{world.allow}/sub/shot.png"
    put = partial(Path.symlink_to, target=Path(os.path.normpath(world.path(target))))
    swap = swapped_after_the_look(Path(world.path(place)), put, opening)
    assert refusal(path, world.roots, opening=swap) == f'"{path}" {clause} {allowed(world.roots)}'


def test_invariant_2_a_folder_swapped_after_the_look_tells_nothing_of_where_the_link_leads(world: World):
    path = f"{world.allow}/sub/shot.png"
    put = partial(Path.symlink_to, target=world.secret / "none")
    swap = swapped_after_the_look(world.allow / "sub", put, open_by_walking)
    assert refusal(path, world.roots, opening=swap) == f'"{path}" {NO_FOLDER} {allowed(world.roots)}'


# Inside the roots the reason is named


@pytest.mark.parametrize(
    ("given", "clause"),
    [
        pytest.param("{allow}/none.png", "does not exist.", id="missing"),
        pytest.param("{allow}/none/shot.png", "does not exist.", id="missing-folder"),
        pytest.param("{allow}/to-nothing", "does not exist.", id="link-to-nothing"),
        pytest.param("{allow}/%2e%2e/secret/shot.png", "does not exist.", id="percent-is-literal"),
        pytest.param("{allow}/shot.png'", "does not exist.", id="trailing-quote"),
        pytest.param("{allow}/shot.png.", "does not exist.", id="trailing-dot"),
        pytest.param("{allow}/...", "does not exist.", id="three-dots"),
        pytest.param("{allow}", "is a folder; the path of one file was wanted.", id="root"),
        pytest.param("{allow}/sub", "is a folder; the path of one file was wanted.", id="folder"),
        pytest.param("{allow}/to-folder", "is a folder; the path of one file was wanted.", id="link-to-folder"),
        pytest.param("{allow}/pipe", NO_FILE, id="pipe"),
        pytest.param("{allow}/socket", NO_FILE, id="socket"),
        pytest.param("{allow}/to-loop", LINKED, id="loop"),
        pytest.param("{allow}/to-loop-a", LINKED, id="loop-of-two"),
        pytest.param("{allow}/shot.png/none", NO_FOLDER, id="below-a-file"),
        pytest.param("{allow}/" + "a" * 256, "holds a name that is too long for the file system.", id="name-too-long"),
    ],
)
@pytest.mark.usefixtures("links", "no_files")
def test_a_refusal_inside_the_roots_names_the_reason(world: World, opening: Opening, given: str, clause: str):
    path = world.path(given)
    said = promptly(partial(refusal, path, world.roots, opening=opening))
    assert said == f"{quoted(path)} {clause} {allowed(world.roots)}"


@pytest.mark.usefixtures("links")
def test_a_loop_of_folders_is_refused(world: World):
    path = f"{world.allow}/to-loop/shot.png"
    assert refusal(path, world.roots) == f'"{path}" {NO_FOLDER} {allowed(world.roots)}'


@pytest.mark.parametrize(
    ("given", "clause"),
    [
        pytest.param("{allow}/a\0b.png", "holds a character that no file name can have.", id="nul"),
        pytest.param("{allow}/shot.png\0.txt", "holds a character that no file name can have.", id="nul-at-the-end"),
        pytest.param("{secret}/shot.png\0", "holds a character that no file name can have.", id="nul-outside"),
        pytest.param(
            "{allow}/\ud800.png",
            "holds a character that is no UTF-8; rename the file to upload it.",
            id="high-surrogate",
        ),
        pytest.param(
            "{allow}/\udcff.png",
            "holds a character that is no UTF-8; rename the file to upload it.",
            id="low-surrogate",
        ),
        pytest.param(
            "{secret}/\udcff.png",
            "holds a character that is no UTF-8; rename the file to upload it.",
            id="surrogate-outside",
        ),
        pytest.param("file://{allow}/a%00b.png", "holds a character that no file name can have.", id="file-url-nul"),
        pytest.param(
            "file://{allow}/%ff.png", "is not percent-encoded UTF-8; give the plain path instead.", id="file-url-bytes"
        ),
        pytest.param(
            "file://{allow}/\udcff.png",
            "is not percent-encoded UTF-8; give the plain path instead.",
            id="file-url-surrogate",
        ),
        pytest.param(
            "file://evil.example{allow}/shot.png",
            "names another host; only files on this machine can be read, as in file:///folder/shot.png.",
            id="file-url-host",
        ),
        pytest.param(
            "file://shot.png",
            "names another host; only files on this machine can be read, as in file:///folder/shot.png.",
            id="file-url-with-two-slashes",
        ),
        pytest.param(
            "https://img.example/shot.png", "is a URL; the path of a file on this machine was wanted.", id="https"
        ),
        pytest.param(
            "data:image/png;base64,iVBORw0KGgo=",
            "is a URL; the path of a file on this machine was wanted.",
            id="data-url",
        ),
    ],
)
def test_text_that_is_no_path_is_refused_whatever_the_disk_holds(
    world: World, opening: Opening, given: str, clause: str
):
    path = world.path(given)
    assert refusal(path, world.roots, opening=opening) == f"{quoted(path)} {clause} {allowed(world.roots)}"


def test_a_very_long_path_costs_no_time(world: World):
    path = "a/" * 5_000_000
    assert refusal(path, world.roots, base=world.allow).startswith(f"{quoted(path)} is 10,000,000 characters long;")


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        pytest.param("Shot 9.41.00\u202fAM.png", "Shot 9.41.00 AM.png", id="narrow-space-of-macos"),
        pytest.param("Cafe\u0301.png", "Caf\u00e9.png", id="decomposed"),
        pytest.param("SHOT.PNG", "shot.PNG", id="case"),
        pytest.param("a  b.png", "a b.png", id="two-spaces"),
        pytest.param("c.png ", "c.png", id="trailing-space"),
        pytest.param("\uff21.png", "a.png", id="full-width"),
    ],
)
def test_a_missing_file_with_one_name_alike_is_told_that_name(world: World, there: str, asked: str):
    (world.allow / "sub" / there).touch()
    path = f"{world.allow}/sub/{asked}"
    (world.allow / "sub" / "shot.png").unlink()
    escaped = there.encode("ascii", "backslashreplace").decode()
    assert refusal(path, world.roots) == (
        f'{quoted(path)} does not exist. Did you mean "{escaped}" in the same folder? {allowed(world.roots)}'
    )


def test_of_two_names_alike_none_is_guessed(world: World):
    for name in ("SHOT.PNG", "Shot.Png"):
        (world.allow / name).touch()
    path = f"{world.allow}/shot.PNG"
    assert refusal(path, world.roots) == f'"{path}" does not exist. {allowed(world.roots)}'


def test_invariant_2_the_folder_above_a_root_is_never_searched_for_a_name_alike(world: World):
    roots = Roots.resolve([world.allow])
    world.allow.rename(world.here / "ALLOW")
    assert refusal(str(world.allow), roots) == f'"{world.allow}" does not exist. {allowed(roots)}'


# Devices, /proc, rights, long chains


def test_a_very_long_chain_of_links_is_read_or_refused(world: World):
    (world.allow / "0").symlink_to("shot.png")
    for number in range(1, 1500):
        (world.allow / f"{number}").symlink_to(f"{number - 1}")
    path = f"{world.allow}/1499"
    # It depends on the Python: some follow links by recursion.
    assert outcome(path, world.roots) in {world.image, f'"{path}" {OUTSIDE} {allowed(world.roots)}'}


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty", "/dev/random"])
def test_a_device_in_a_root_is_refused(opening: Opening, device: str):
    roots = Roots.resolve(["/dev"])
    said = promptly(partial(refusal, device, roots, opening=opening))
    assert said == f'"{device}" {NO_FILE} {allowed(roots)}'


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux has /proc")
@pytest.mark.parametrize(
    ("name", "clause"),
    [
        pytest.param("environ", "is empty, or still being written.", id="environ"),
        pytest.param("mem", "is empty, or still being written.", id="memory"),
        pytest.param("exe", OUTSIDE, id="program"),
        pytest.param("root/etc/passwd", OUTSIDE, id="root"),
        pytest.param("cwd/pyproject.toml", OUTSIDE, id="working-directory"),
        pytest.param("fd", "is a folder; the path of one file was wanted.", id="descriptors"),
    ],
)
def test_nothing_is_read_from_proc(opening: Opening, name: str, clause: str):
    roots = Roots.resolve(["/proc/self"])
    path = f"/proc/self/{name}"
    assert refusal(path, roots, opening=opening) == f'"{path}" {clause} {allowed(roots)}'


# Imports first: the other user need not be able to read this installation.
AS_NOBODY = """
import json, os, sys
from img402_mcp.errors import ReadRefused
from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.roots import Roots
roots = Roots.resolve([sys.argv[1]])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
said = {}
for name in sys.argv[2:]:
    try:
        said[name] = len(read_image(sys.argv[1] + "/" + name, roots, limit=10**6).data)
    except ReadRefused as refused:
        said[name] = str(refused)
print(json.dumps(said))
"""


@pytest.fixture
def open_to_all(sample: Callable[[str], bytes]) -> Iterator[Path]:
    """A folder that another user can reach, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        for inner in ("closed", "passage"):
            (folder / inner).mkdir()
            (folder / inner / "shot.png").write_bytes(sample("plain.png"))
        (folder / "unreadable.png").write_bytes(sample("plain.png"))
        (folder / "unreadable.png").chmod(0)
        (folder / "closed").chmod(0)
        (folder / "passage").chmod(0o311)
        yield folder
        (folder / "closed").chmod(0o755)
        (folder / "passage").chmod(0o755)


def test_what_the_user_may_not_read_is_refused_and_a_folder_need_only_be_passable(open_to_all: Path, world: World):
    names = ["unreadable.png", "closed/shot.png", "passage/shot.png", "passage/Shot.png"]
    command = [sys.executable, "-c", AS_NOBODY, str(open_to_all), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    words = allowed(Roots((open_to_all,)))
    denied = f"may not be read by the user whom this server runs as. {words}"
    assert json.loads(done.stdout) == {
        "unreadable.png": f'"{open_to_all}/unreadable.png" {denied}',
        "closed/shot.png": f'"{open_to_all}/closed/shot.png" {denied}',
        "passage/shot.png": len(world.image),
        "passage/Shot.png": f'"{open_to_all}/passage/Shot.png" does not exist. {words}',
    }


# Sizes, and files that change


@pytest.mark.parametrize("spare", [0, 1])
def test_a_file_up_to_the_limit_is_read(world: World, opening: Opening, spare: int):
    limit = len(world.image) + spare
    image = read_image(f"{world.allow}/shot.png", world.roots, limit=limit, opening=opening)
    assert image == whole(world.allow / "shot.png", world.image)


def test_a_file_one_byte_over_the_limit_is_refused(world: World, opening: Opening):
    path = f"{world.allow}/shot.png"
    assert refusal(path, world.roots, limit=len(world.image) - 1, opening=opening) == (
        f'"{path}" is too large: it has 1,217 bytes, and at most 1,216 can be sent. {allowed(world.roots)}'
    )


def test_a_sparse_terabyte_is_refused_unread(world: World, opening: Opening):
    path = world.allow / "huge.png"
    path.write_bytes(world.image)
    os.truncate(path, 2**40)
    assert refusal(str(path), world.roots, opening=opening) == (
        f'"{path}" is too large: it has 1,099,511,627,776 bytes, and at most 1,048,576 can be sent. '
        f"{allowed(world.roots)}"
    )


def test_an_empty_file_is_refused(world: World, opening: Opening):
    path = world.allow / "empty.png"
    path.touch()
    assert refusal(str(path), world.roots, opening=opening) == (
        f'"{path}" is empty, or still being written. {allowed(world.roots)}'
    )


def test_a_file_that_grows_and_shrinks_is_read_consistently_or_refused(world: World):
    path, surplus = world.allow / "shot.png", 300_000

    def grow_and_shrink() -> None:
        os.truncate(path, len(world.image) + surplus)
        linger()
        os.truncate(path, len(world.image))
        linger()

    surplus_refused = (
        f'"{path}" is refused: 300,000 bytes follow the image\'s end; the file may hold more than the picture. '
        f"{allowed(world.roots)}"
    )
    possible = (world.image, f'"{path}" {CHANGED} {allowed(world.roots)}', surplus_refused)
    with swapping(grow_and_shrink):
        seen = outcomes(str(path), world.roots, *possible)
    assert seen == set(possible)


def test_a_file_that_is_written_to_while_it_is_read_is_refused(world: World):
    path = world.allow / "shot.png"
    times = iter(range(1, 10**9))
    changed = f'"{path}" {CHANGED} {allowed(world.roots)}'

    def touch() -> None:
        os.utime(path, ns=(0, next(times)))
        linger()

    with swapping(touch):
        seen = outcomes(str(path), world.roots, world.image, changed)
    assert seen == {world.image, changed}


# Invariant 3: only images leave


@pytest.mark.parametrize(
    ("name", "content", "clause"),
    [
        pytest.param("a.png", b"%PDF-1.7\n", "is a PDF", id="pdf"),
        pytest.param("b.png", b"PK\x03\x04\x14\x00", "is a zip archive (or an Office document)", id="zip"),
        pytest.param("c.jpg", b"<!DOCTYPE html><html>", "is an HTML page", id="html"),
        pytest.param("d.png", b"<svg xmlns='x'/>", "is an SVG; render it to PNG first", id="svg"),
        pytest.param(
            "e.png",
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA",
            "does not begin like a PNG, JPEG, GIF or WebP",
            id="private-key",
        ),
        pytest.param("f.png", b"API_KEY=abc", "does not begin like a PNG, JPEG, GIF or WebP", id="secrets"),
        pytest.param(
            "g.png",
            b"\x89PNG\r\n\x1a\n-----BEGIN PRIVATE KEY-----",
            "is a PNG whose first chunk is not its header",
            id="key-behind-magic-bytes",
        ),
        pytest.param("h.gif", b"GIF89a", "is a GIF that is cut off, or still being written", id="magic-bytes-alone"),
    ],
)
def test_invariant_3_what_is_no_image_does_not_leave(world: World, name: str, content: bytes, clause: str):
    path = world.allow / name
    path.write_bytes(content)
    assert refusal(str(path), world.roots) == (
        f'"{path}" {clause}; only PNG, JPEG, GIF and WebP images are sent. {allowed(world.roots)}'
    )


def test_invariant_3_bytes_behind_an_image_do_not_leave(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"PK\x03\x04" + b"hidden" * 1000)
    assert refusal(str(path), world.roots) == (
        f'"{path}" is refused: 6,004 bytes follow the image\'s end; the file may hold more than the picture. '
        f"{allowed(world.roots)}"
    )


def test_bytes_behind_an_image_are_read_for_whoever_cuts_them(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"hidden")
    image = read_image(str(path), world.roots, limit=LIMIT, trailing="keep")
    assert (image.data, image.picture.end) == (world.image + b"hidden", len(world.image))


def test_bytes_behind_an_image_count_towards_the_limit(world: World):
    path = world.allow / "shot.png"
    path.write_bytes(world.image + b"hidden")
    limit = len(world.image) + 5
    assert f"and at most {limit:,} can be sent" in refusal(str(path), world.roots, limit=limit, trailing="keep")


# Roots


def test_roots_are_resolved_and_named_once(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(world.here)
    monkeypatch.setenv("HOME", str(world.secret))
    roots = Roots.resolve(["allow", world.allow / "sub" / "..", str(world.second), "~/sub"])
    assert roots == Roots((world.allow, world.second, world.secret / "sub"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(
            ["{here}/none"],
            'IMG402_ALLOW_DIRS or --allow-dir names "{here}/none", which does not exist; name a folder.',
            id="missing",
        ),
        pytest.param(
            ["{allow}", "{allow}/shot.png"],
            'IMG402_ALLOW_DIRS or --allow-dir names "{allow}/shot.png", which is not a folder; name a folder.',
            id="file",
        ),
        pytest.param(
            ["{allow}/to-loop"],
            'IMG402_ALLOW_DIRS or --allow-dir names "{allow}/to-loop", which does not exist; name a folder.',
            id="loop",
        ),
        pytest.param(
            ["a\0b"],
            'IMG402_ALLOW_DIRS or --allow-dir names "a\\x00b", which does not exist; name a folder.',
            id="nul",
        ),
        pytest.param(
            [],
            "IMG402_ALLOW_DIRS or --allow-dir names no folder, so nothing could be read; name at least one.",
            id="none-at-all",
        ),
    ],
)
@pytest.mark.usefixtures("links")
def test_a_root_that_is_no_folder_is_refused_at_start(world: World, given: list[str], said: str):
    with pytest.raises(SettingsError) as caught:
        Roots.resolve([world.path(each) for each in given])
    assert str(caught.value) == world.path(said)


# Tidiness


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="descriptors cannot be counted here")
@pytest.mark.usefixtures("links", "no_files")
def test_no_descriptor_stays_open_whatever_happens(world: World, opening: Opening):
    (world.allow / "huge.png").touch()
    os.truncate(world.allow / "huge.png", 2**30)
    before = set(Path("/dev/fd").iterdir())
    for name in ("shot.png", "none.png", "sub", "pipe", "huge.png", "to-loop", "to-loop/x", "shot.png/x", "SHOT.png"):
        try:
            read_image(f"{world.allow}/{name}", world.roots, limit=LIMIT, opening=opening)
        except ReadRefused:
            continue
    assert set(Path("/dev/fd").iterdir()) == before


def test_the_bytes_stand_in_no_repr(world: World):
    image = read_image(f"{world.allow}/shot.png", world.roots, limit=LIMIT)
    assert repr(image) == f"Image(path={image.path!r}, picture={image.picture!r}, done=())"


def test_the_way_that_follows_no_link_is_taken_where_the_system_can():
    assert OPENING is (open_by_walking if CAN_WALK else open_by_rechecking)
