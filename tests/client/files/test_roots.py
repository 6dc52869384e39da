"""Invariant 2: nothing outside the roots is opened, and nothing is revealed about it."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_open import Opening
from img402_mcp.errors import SettingsError, quoted
from tests.client.files.world import (
    LIMIT,
    OUTSIDE,
    World,
    allowed,
    refusal,
    whole,
)
from tests.fakes.posix import DEVICES, LINKS, NAMES, WORDS


def test_roots_are_resolved_and_named_once(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(world.here)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(world.secret))
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


@LINKS
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


@LINKS
def test_a_root_in_another_spelling_is_the_same_root_and_its_paths_get_its_own_spelling(tmp_path: Path):
    """The disk says whether two spellings are one folder; a link does so here, as a disk without case does there."""
    here = tmp_path.resolve()
    (here / "Caf\u00e9").mkdir()
    (here / "CAFE\u0301").symlink_to("Caf\u00e9")
    (here / "CAFE").symlink_to("Caf\u00e9")
    roots = Roots((here / "Caf\u00e9",))
    spelled = {
        name: roots.respelled(here / name / "Sub" / "a.png")
        for name in ("Caf\u00e9", "CAFE\u0301", "CAFE", "cafe\u0301")
    }
    found = here / "Caf\u00e9" / "Sub" / "a.png"
    assert spelled == {"Caf\u00e9": found, "CAFE\u0301": found, "CAFE": None, "cafe\u0301": None}


@WORDS
def test_the_whole_file_system_can_be_a_root(world: World):
    assert read_image(f"{world.secret}/shot.png", Roots.resolve(["/"]), limit=LIMIT).data == world.secret_image


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
        pytest.param("/", marks=WORDS, id="top"),
        pytest.param("{allow}/" + "../" * 900 + "etc/passwd", id="up-beyond-the-top"),
        pytest.param("file://{secret}/shot.png", id="file-url"),
        pytest.param("file://{allow}/%2e%2e/secret/shot.png", id="file-url-encoded-up"),
        pytest.param("file://{allow}%2f..%2fsecret%2fshot.png", id="file-url-encoded-slash"),
        pytest.param("{allow}/to-secret-file", marks=LINKS, id="link-to-secret"),
        pytest.param("{allow}/to-secret-folder", marks=LINKS, id="link-to-secret-folder"),
        pytest.param("{allow}/to-secret-folder/shot.png", marks=LINKS, id="through-a-link-to-the-secret-folder"),
        pytest.param("{allow}/to-secret-none", marks=LINKS, id="link-to-missing"),
        pytest.param("{allow}/to-secret-link", marks=LINKS, id="link-to-secret-loop"),
        pytest.param("{allow}/to-root/etc/passwd", marks=LINKS, id="link-to-the-top"),
        pytest.param("/dev/zero", marks=WORDS, id="device"),
        pytest.param("/proc/self/environ", marks=WORDS, id="proc"),
        pytest.param("~", id="home"),
        pytest.param("~/.ssh/id_ed25519", id="key-in-home"),
    ],
)
@pytest.mark.usefixtures("links")
def test_invariant_2_outside_the_roots_there_is_one_answer(
    world: World, opening: Opening, monkeypatch: pytest.MonkeyPatch, given: str
):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(world.secret))
    evil = world.here / "allow-evil"
    evil.mkdir()
    (evil / "shot.png").write_bytes(world.secret_image)
    path = world.path(given)
    assert refusal(path, world.roots, opening=opening) == f"{quoted(path)} {OUTSIDE} {allowed(world.roots)}"


@DEVICES
@pytest.mark.parametrize("made", ["nothing", "file", "folder", "link-to-file", "link-elsewhere", "loop", "pipe"])
@pytest.mark.parametrize("detour", ["{here}/maybe/../allow/shot.png", "{here}/maybe/x/../../allow/shot.png"])
def test_invariant_2_a_detour_through_the_outside_reveals_nothing(world: World, made: str, detour: str):
    make: dict[str, Any] = {
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


@NAMES
def test_invariant_2_the_folder_above_a_root_is_never_searched_for_a_name_alike(world: World):
    roots = Roots.resolve([world.allow])
    world.allow.rename(world.here / "ALLOW")
    assert refusal(str(world.allow), roots) == f'"{world.allow}" does not exist.'
