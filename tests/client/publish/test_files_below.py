"""The files in a folder and below it."""

import os
from pathlib import Path

from img402_mcp.client.publish.disk import files_below
from tests.fakes.posix import LINKS


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder.resolve()


@LINKS
def test_files_are_found_the_nearest_first_and_never_through_links_or_hidden_folders(tmp_path):
    outside = made(tmp_path / "outside", "secret.png")
    folder = made(
        tmp_path / "in", "b/c/deep.png", "b/near.png", "top.png", ".git/x.png", "node_modules/y.png", ".z.png"
    )
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "linked").symlink_to(outside)
    os.mkfifo(folder / "pipe.png")
    found = [*files_below(folder)]
    assert sorted(found) == [".z.png", "b/c/deep.png", "b/near.png", "top.png"]
    assert found[-2:] == ["b/near.png", "b/c/deep.png"]


def test_no_more_names_are_looked_at_than_allowed(tmp_path):
    folder = made(tmp_path, *(f"{number}/{number}.png" for number in range(20)))
    assert len([*files_below(folder, most=25)]) == 5


def test_one_large_folder_is_not_read_to_its_end(tmp_path):
    folder = made(tmp_path, *(f"{number}.png" for number in range(20)))
    assert len([*files_below(folder, most=5)]) == 5


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert [*files_below(tmp_path / "none")] == []
