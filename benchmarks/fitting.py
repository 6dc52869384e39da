"""What fit makes of screenshots and drawings: size before and after, the step, likeness, time, the child's memory.

`python -m benchmarks.fitting [LIMIT]`: bytes, by default what a free upload takes. The likeness is the SSIM of what
a viewer sees: over white, upright, scaled back, of the luminance and in brackets the mean over red, green and blue.
"""

import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median

import anyio
import numpy as np
from PIL import Image, ImageOps
from skimage import metrics

from benchmarks.measuring import MB, child, show, verdict
from img402_mcp.client.fit.subprocess import CannotFit, Fitted, fitted
from img402_mcp.formats import examine
from tests.corpus.drawing import CACHE, drawings
from tests.corpus.screens import screens

ssim: Callable[..., float] = metrics.structural_similarity
LIMIT = 1_048_576
LARGEST = 4 * MB  # of the screenshots that the goal speaks of
MOST_COMPARED = 2 * MB  # pixels; larger pictures are compared in their middle, or it takes minutes


@dataclass(frozen=True)
class Measured:
    name: str
    before: int
    after: int
    step: str
    likeness: float
    in_colour: float
    seconds: float
    processor: float

    def row(self) -> tuple[str, ...]:
        sizes = f"{self.before / MB:.2f}", f"{self.after / MB:.2f}"
        alike = f"{self.likeness:.4f} ({self.in_colour:.4f})"
        return self.name, *sizes, self.step, alike, f"{self.seconds:.2f}", f"{self.processor:.2f}"


async def measured(path: Path, limit: int) -> Measured:
    data = await anyio.Path(path).read_bytes()
    start, before = time.perf_counter(), _processor()
    try:
        result = await fitted(data, examine(data), limit)
        step = result.step.partition(" -> ")[2] or "as it was"
    except CannotFit as error:
        result, step = Fitted(data, examine(data), ""), str(error).partition("bytes: ")[2][:60]
    seconds, processor = time.perf_counter() - start, _processor() - before
    alike = likeness(data, result.data) if result.step else (1.0, 1.0)
    found = Measured(path.name, len(data), len(result.data), step, *alike, seconds, processor)
    print(*found.row(), sep="  ", file=sys.stderr, flush=True)
    return found


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def likeness(before: bytes, after: bytes) -> tuple[float, float]:
    one, other = seen(before), seen(after)
    other = other.resize(one.size, Image.Resampling.BICUBIC) if other.size != one.size else other
    a, b = (np.asarray(middle(image)) for image in (one, other))
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    grey = ssim(a @ weights, b @ weights, data_range=255)
    return float(grey), float(ssim(a, b, data_range=255, channel_axis=2))


def seen(data: bytes) -> Image.Image:
    image = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    if image.mode.startswith("I;16"):
        return Image.frombytes("L", image.size, image.tobytes()[1::2]).convert("RGB")
    shown = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")


def middle(image: Image.Image) -> Image.Image:
    share = min(1.0, (MOST_COMPARED / (image.width * image.height)) ** 0.5)
    width, height = int(image.width * share), int(image.height * share)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


async def run(limit: int) -> None:
    shots = [await measured(path, limit) for path in screens()]
    drawn = [await measured(path, limit) for path in drawings()]
    columns = ("image", "MB", "->", "step", "SSIM (colour)", "s", "cpu s")
    show(f"Into {limit:,} bytes", columns, [each.row() for each in [*shots, *drawn]])
    print(f"  SSIM: of pictures above {MOST_COMPARED / MB:.0f} megapixels, that of their middle.")
    show("Goals", ("", "", "goal", ""), [*goals(shots, drawn, limit)])


def peak(name: str, limit: int) -> float:
    """MB, of a child whose parent is small: the system's count of a child begins with the size of its parent."""
    with child("fitting", str(limit), name) as said:
        return float(said)


def say_peak(limit: int, name: str) -> None:
    data = (CACHE / name).read_bytes()
    with suppress(CannotFit):
        anyio.run(fitted, data, examine(data), limit)
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MB)


def goals(shots: list[Measured], drawn: list[Measured], limit: int) -> Iterable[tuple[str, str, str, str]]:
    worked = [each for each in shots if limit < each.before <= LARGEST]
    if worked:
        good = sum(each.after <= limit and each.likeness >= 0.99 for each in worked) / len(worked)
        yield f"of {len(worked)} screenshots, fit and SSIM >= 0.99", f"{good:.0%}", ">= 95%", verdict(0.95, good)
        whole = [each.likeness for each in worked if "scaled" not in each.step]
        yield "least SSIM unless scaled", f"{min(whole):.4f}", ">= 0.98", verdict(0.98, min(whole))
        yield "least SSIM in colour", f"{min(each.in_colour for each in worked):.4f}", "", ""
    times = [each.seconds for each in [*shots, *drawn] if each.before > limit]
    yield "median", f"{median(times):.2f} s", "< 0.6", verdict(median(times), 0.6)
    used = [each.processor for each in [*shots, *drawn] if each.before > limit]
    yield "processor time, median and worst", f"{median(used):.2f} s, {max(used):.2f} s", "", ""
    yield "worst", f"{max(times):.2f} s", "< 3", verdict(max(times), 3)
    largest = max(peak(each.name, limit) for each in sorted(shots + drawn, key=lambda each: -each.processor)[:5])
    yield "the largest child", f"{largest:.0f} MB", "< 512", verdict(largest, 512)
    yield "load of the machine", f"{os.getloadavg()[0]:.1f}", "", ""


if __name__ == "__main__":
    if sys.argv[2:]:
        say_peak(int(sys.argv[1]), sys.argv[2])
    else:
        anyio.run(run, int(sys.argv[1]) if sys.argv[1:] else LIMIT)
