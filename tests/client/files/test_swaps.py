"""Invariant 2 and a file read once, no matter who swaps or writes meanwhile."""

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_open import Opening, open_by_rechecking, open_by_walking
from tests.client.files.world import (
    CHANGED,
    LINKED,
    NO_FILE,
    NO_FOLDER,
    World,
    because,
    made_world,
    outcome,
    promptly,
    refusal,
)
from tests.fakes.posix import DEVICES

pytestmark = DEVICES
MAKE_PIPE: Callable[[Path], None] = getattr(os, "mkfifo", Path.touch)


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
    linked, coming = place.with_name("kept"), place.with_name("coming")
    if not linked.exists():
        linked.hardlink_to(place)
    coming.symlink_to(target)
    coming.replace(place)
    linger()
    coming.hardlink_to(linked)
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


def outcomes(path: str, roots: Roots, *awaited: bytes | str) -> set[bytes | str]:
    """Of eight hundred rounds, or of some more until the awaited ones have come."""
    seen: set[bytes | str] = set()
    for count in range(50_000):
        if count >= 800 and seen >= set(awaited):
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
        pytest.param("sub/shot.png", MAKE_PIPE, open_by_walking, NO_FILE, id="walking-file-for-a-pipe"),
        pytest.param("sub/shot.png", MAKE_PIPE, open_by_rechecking, NO_FILE, id="rechecking-file-for-a-pipe"),
    ],
)
def test_invariant_2_a_file_swapped_after_the_look_is_not_followed(
    world: World, place: str, put: Callable[[Path], object], opening: Opening, clause: str
):
    path = f"{world.allow}/sub/shot.png"
    swap = swapped_after_the_look(world.allow / place, put, opening)
    message = promptly(partial(refusal, path, world.roots, opening=swap))
    assert message == f'"{path}" {because(clause, world.roots)}'


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
    assert refusal(path, world.roots, opening=swap) == f'"{path}" {because(clause, world.roots)}'


def test_invariant_2_a_folder_swapped_after_the_look_does_not_reveal_where_the_link_leads(world: World):
    path = f"{world.allow}/sub/shot.png"
    put = partial(Path.symlink_to, target=world.secret / "none")
    swap = swapped_after_the_look(world.allow / "sub", put, open_by_walking)
    assert refusal(path, world.roots, opening=swap) == f'"{path}" {NO_FOLDER}'


def test_a_file_that_grows_and_shrinks_is_read_consistently_or_refused(world: World):
    path, surplus = world.allow / "shot.png", 300_000

    def grow_and_shrink() -> None:
        os.truncate(path, len(world.image) + surplus)
        linger()
        os.truncate(path, len(world.image))
        linger()

    possible = (world.image, f'"{path}" {CHANGED}')  # it grows by zeros
    with swapping(grow_and_shrink):
        seen = outcomes(str(path), world.roots, *possible)
    assert seen == set(possible)


def test_a_file_that_is_written_to_while_it_is_read_is_refused(world: World):
    path = world.allow / "shot.png"
    times = iter(range(1, 10**9))
    changed = f'"{path}" {CHANGED}'

    def touch() -> None:
        os.utime(path, ns=(0, next(times)))
        linger()

    with swapping(touch):
        seen = outcomes(str(path), world.roots, world.image, changed)
    assert seen == {world.image, changed}
