"""A file that a cloud drive keeps elsewhere: known by its flags, and its download is waited for, but not for ever."""

import os

import pytest

from img402_mcp.client.files.cloud_files import READERS, downloaded, is_elsewhere
from img402_mcp.client.files.refusal import FileRefused


@pytest.mark.parametrize(
    ("flags", "attributes", "elsewhere"),
    [
        pytest.param(0x4000_0000, 0, True, id="macos-dataless"),
        pytest.param(0x4000_0020, 0, True, id="macos-dataless-and-compressed"),
        pytest.param(0x20, 0, False, id="macos-compressed"),
        pytest.param(0, 0x40_0000, True, id="windows-recall-on-data-access"),
        pytest.param(0, 0x4_0000, True, id="windows-recall-on-open"),
        pytest.param(0, 0x1000, True, id="windows-offline"),
        pytest.param(0, 0x10_0020, False, id="windows-unpinned-and-archived"),
        pytest.param(0, 0, False, id="here"),
    ],
)
def test_a_file_that_is_not_on_the_disk_is_known_by_its_flags(flags, attributes, elsewhere):
    assert is_elsewhere(flags, attributes) is elsewhere


@pytest.fixture
def drive():
    """The ends of a pipe: a read waits, as for a download."""
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb") as source, os.fdopen(writes, "wb") as sink:
        yield source, sink


def test_a_download_that_comes_is_read(drive):
    source, sink = drive
    sink.write(b"12345")
    sink.close()
    assert downloaded(source.fileno(), 5, seconds=30) == b"12345"


def test_a_download_that_takes_too_long_is_named_and_given_up(drive):
    source, _ = drive
    with pytest.raises(FileRefused) as caught:
        downloaded(source.fileno(), 5, seconds=0.05)
    assert caught.value.clause == "is kept by a cloud drive and was not downloaded within 0.05 seconds"
    assert "keep it on this device" in caught.value.hint


def test_so_many_downloads_are_waited_for_and_no_more(drive):
    source, sink = drive
    for _ in range(20):
        assert READERS.acquire(timeout=30)
    sink.write(b"12345")
    sink.close()
    with pytest.raises(FileRefused, match="kept by a cloud drive"):
        downloaded(source.fileno(), 5, seconds=0.05)
    for _ in range(20):
        READERS.release()
    assert downloaded(source.fileno(), 5, seconds=30) == b"12345"


def test_a_download_that_fails_is_an_error_of_the_system(tmp_path):
    descriptor = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    try:
        with pytest.raises(OSError, match=r"read|Bad file"):
            downloaded(descriptor, 5, seconds=30)
    finally:
        os.close(descriptor)
