"""ExifTool, which knows more kinds of metadata than any other program, finds none left."""

import json
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from img402_mcp.client.scrub.strip import scrubbed
from img402_mcp.formats import examine

BUILT = runpy.run_path(str(Path(__file__).parents[1] / "client" / "scrub" / "scrub_variants.py"))
VARIANTS: tuple[Any, ...] = BUILT["VARIANTS"]

MANIFEST = {"name": "exiftool", "private": True, "dependencies": {"exiftool-vendored.pl": "13.59.3"}}

STRUCTURE = {
    "ExifTool": {"ExifToolVersion", "Warning"},
    "System": None,
    "Composite": {"ImageSize", "Megapixels"},
    "JFIF": {"JFIFVersion", "ResolutionUnit", "XResolution", "YResolution"},
    "Adobe": None,
    "APP14": {"DCTEncodeVersion", "APP14Flags0", "APP14Flags1", "ColorTransform"},
    "PNG-pHYs": {"PixelsPerUnitX", "PixelsPerUnitY", "PixelUnits"},
    "IFD0": {"Orientation"},
}
"""Group -> the tags that an image needs; None: any. What is left of a profile stands in ICC groups."""

FORMAT = {
    "File": {
        *("FileType", "FileTypeExtension", "MIMEType", "ImageWidth", "ImageHeight", "EncodingProcess"),
        *("BitsPerSample", "ColorComponents", "YCbCrSubSampling", "ExifByteOrder"),
    },
    "PNG": {
        *("ImageWidth", "ImageHeight", "BitDepth", "ColorType", "Compression", "Filter", "Interlace", "Palette"),
        *("Transparency", "AnimationFrames", "AnimationPlays", "ProfileName"),
    },
    "RIFF": {
        *("VP8Version", "ImageWidth", "ImageHeight", "HorizontalScale", "VerticalScale", "WebP_Flags", "AlphaIsUsed"),
        *("AlphaPreprocessing", "AlphaFiltering", "AlphaCompression", "BackgroundColor", "AnimationLoopCount"),
        *("FrameCount", "Duration"),
    },
    "GIF": {
        *("GIFVersion", "ImageWidth", "ImageHeight", "HasColorMap", "ColorResolutionDepth", "BitsPerPixel"),
        *("BackgroundColor", "AnimationIterations", "TransparentColor", "FrameCount", "Duration"),
    },
}

Listing = Callable[[Path], dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def listing(npm_install: Callable[[str, dict[str, Any]], Path]) -> Listing:
    """`listing(folder)`: file name -> everything that ExifTool reports about it."""
    if which("perl") is None:
        pytest.skip("ExifTool needs perl, which is not on this machine")
    program = npm_install("exiftool", MANIFEST) / "node_modules/exiftool-vendored.pl/bin/exiftool"

    def metadata(folder: Path) -> dict[str, dict[str, Any]]:
        words = ["perl", str(program), "-a", "-u", "-G1", "-json", *map(str, sorted(folder.iterdir()))]
        answer = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
        return {Path(each["SourceFile"]).name: each for each in json.loads(answer.stdout)}

    return metadata


def written(folder: Path, images: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in images.items():
        (folder / name).write_bytes(data)
    return folder


def telling(listed: dict[str, Any]) -> set[str]:
    """The tags that are not needed to show an image."""
    needed = STRUCTURE | FORMAT
    tags = (name.partition(":") for name in listed if name != "SourceFile" and not name.startswith("ICC"))
    return {
        f"{group}:{tag}"
        for group, _, tag in tags
        if (known := needed.get(group, set())) is not None and tag not in known
    }


def test_exiftool_finds_nothing_left_in_any_variant(listing: Listing, tmp_path: Path):
    cleaned = {each.name: scrubbed(each.data, examine(each.data)).data for each in VARIANTS}
    after = listing(written(tmp_path / "after", cleaned))
    assert after.keys() == cleaned.keys()
    assert {name: telling(listed) for name, listed in after.items() if telling(listed)} == {}
    assert {name: listed["ExifTool:Warning"] for name, listed in after.items() if "ExifTool:Warning" in listed} == {}


def test_exiftool_sees_it_in_the_original(listing: Listing, tmp_path: Path):
    """Otherwise the test above would prove nothing. ExifTool does not know all that is removed."""
    known = {each.name: each.data for each in VARIANTS if {"GPS position", "XMP", "IPTC"} & {*each.removed}}
    before = listing(written(tmp_path / "before", known))
    assert len(before) > 30
    assert {name for name, listed in before.items() if not telling(listed)} == set()
