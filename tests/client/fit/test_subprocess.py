import os
import re
import struct
import sys
import zlib
from asyncio import gather
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import anyio
import pytest
from anyio import create_task_group, fail_after
from PIL import Image, ImageDraw

from img402_mcp.client.fit.messages import Outcome, outcome_in, packed
from img402_mcp.client.fit.subprocess import CannotFit, Fitted, fitted
from img402_mcp.errors import ReadRefused
from img402_mcp.formats import PNG, Picture, examine
from tests.client.fit.drawn import with_chunk
from tests.fakes.pictures import chunk
from tests.fakes.posix import PROCESSES

DAMAGED = "its pixels cannot be decoded: it is damaged, or made to do harm"
ENDED = "the program that decodes it ended without an answer"


def many_frames(count: int) -> bytes:
    head = b"GIF89a" + struct.pack("<HHB", 100, 100, 0x80) + b"\0\0" + bytes(6)
    frame = b"," + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * count + b";"


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Flat colours, poorly compressed."""
    image = Image.new("RGB", (400, 300), "navy")
    draw = ImageDraw.Draw(image)
    for place in range(0, 300, 20):
        draw.text((place, place), f"line {place} of the screen", fill="white")
    path = tmp_path_factory.mktemp("shots") / "shot.png"
    image.save(path, compress_level=0)
    return path.read_bytes()


async def refused(data: bytes, limit: int = 500, **options: object) -> str:
    with pytest.raises(CannotFit) as error:
        await fitted(data, examine(data), limit, **options)  # type: ignore[arg-type]
    return str(error.value)


async def test_what_fits_already_goes_as_it_is(shot: bytes):
    picture = examine(shot)
    assert await fitted(shot, picture, len(shot)) == Fitted(shot, picture, "")


async def test_a_screenshot_becomes_smaller_without_loss_and_says_so(shot: bytes):
    result = await fitted(shot, examine(shot), 100_000)
    assert result.step == f"png 0.36 MB -> png {len(result.data) // 1000} kB, lossless"
    assert (result.picture, len(result.data) <= 100_000) == (examine(result.data), True)


async def test_the_same_input_and_limit_give_the_same_output(shot: bytes):
    first, second = [await fitted(shot, examine(shot), 3000) for _ in range(2)]
    assert first == second


async def test_only_formats_that_are_taken_come_out(shot: bytes):
    result = await fitted(shot, examine(shot), 100_000, ["image/jpeg"])
    assert result.picture.format.media_type == "image/jpeg"


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("kinds", [("png",), ("png", "jpeg"), ("jpeg", "gif"), ("webp",)], ids=" ".join)
async def test_any_subset_of_the_formats_may_be_taken(shot: bytes, tmp_path: Path, mode: str, kinds: tuple[str, ...]):
    image = Image.open(BytesIO(shot)).convert(mode)
    image.putpixel((0, 0), (1, 2, 3, 4)[: len(mode)])
    image.save(tmp_path / "shot.png", compress_level=0)
    data = (tmp_path / "shot.png").read_bytes()
    asked = fitted(data, examine(data), 40_000, [f"image/{kind}" for kind in kinds])
    if mode == "RGBA" and kinds == ("jpeg", "gif"):
        with pytest.raises(CannotFit, match="no format that is accepted there can hold it"):
            await asked
    else:
        assert (await asked).picture.format.name.lower() in kinds


async def test_the_refusal_names_what_came_the_limit_and_the_way_out(shot: bytes):
    assert await refused(shot, 10) == (
        "The image (png 0.36 MB, 400x300 pixels) cannot be brought to at most 10 bytes: even at the lowest "
        "acceptable quality and size it stays too large. Crop it, or send it to an API with a larger limit; nothing "
        "was sent."
    )
    assert issubclass(CannotFit, ReadRefused)


async def test_no_child_is_started_for_a_picture_too_large_to_decode(picture_of: Callable[..., bytes]):
    with pytest.raises(CannotFit, match="it has more than 50,000,000 pixels, counting all frames"):
        await fitted(b"x" * 2000, Picture(PNG, 60_000, 60_000, 2000), 1000, program="raise SystemExit")


async def test_gif_alone_is_no_format_to_fit_into(shot: bytes):
    assert "no format that is accepted there can hold it" in await refused(shot, formats=["image/gif"])


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        pytest.param(lambda _: many_frames(9_000), "it has more than", id="thousands-of-frames"),
        pytest.param(
            lambda png: with_chunk(png, b"zTXt", b"Comment\0\0" + zlib.compress(bytes(30_000_000))), DAMAGED, id="zTXt"
        ),
        pytest.param(
            lambda png: with_chunk(png, b"iCCP", b"wide\0\0" + zlib.compress(bytes(30_000_000))),
            DAMAGED,
            id="iCCP",
        ),
        pytest.param(
            lambda png: png[:33] + chunk(b"IDAT", zlib.compress(os.urandom(9000))[:-900]) + png[-12:],
            DAMAGED,
            id="truncated-pixels",
        ),
    ],
)
async def test_a_bomb_dies_in_the_child(shot: bytes, bomb: Callable[[bytes], bytes], reason: str):
    data = bomb(shot)
    assert reason in await refused(data)


ANSWER = "import sys; sys.stdin.buffer.read(); say = sys.stdout.buffer.write; "
LOSSLESS = packed(Outcome())


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        pytest.param("raise SystemExit(3)", ENDED, id="ends-at-once"),
        pytest.param("import os; os.abort()", ENDED, id="crashes"),
        pytest.param(ANSWER + "say(b'hello')", ENDED, id="no-json"),
        pytest.param(ANSWER + "say(b'[' * 4000)", ENDED, id="deep-json"),
        pytest.param(ANSWER + "say(b'{}')", ENDED, id="no-fields"),
        pytest.param(ANSWER + f"say({LOSSLESS!r})", ENDED, id="no-image"),
        pytest.param(ANSWER + f"say({LOSSLESS!r} + b'%PDF-1.4')", ENDED, id="not-an-image"),
        pytest.param(ANSWER + f"say({LOSSLESS!r} + bytes.fromhex(PLAIN) + b'more')", ENDED, id="bytes-behind-it"),
        pytest.param(ANSWER + f"say({LOSSLESS!r} + bytes.fromhex(FILM))", ENDED, id="a-format-not-taken"),
        pytest.param(ANSWER + "\nwhile True: say(bytes(65536))", ENDED, id="speaks-for-ever"),
        pytest.param(
            "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)",
            "it takes too long",
            marks=PROCESSES,
            id="overtime",
        ),
    ],
)
async def test_the_child_is_not_believed(shot: bytes, sample: Callable[[str], bytes], program: str, reason: str):
    for name, file in (("PLAIN", "plain.png"), ("FILM", "still.gif")):
        program = program.replace(name, repr(sample(file).hex()))
    sentence = await refused(shot, 20_000, program=program, formats=["image/png", "image/jpeg"])
    assert reason in sentence


async def test_an_image_of_the_childs_is_taken_up_to_the_limit_and_not_a_byte_more(sample: Callable[[str], bytes]):
    small = sample("plain.png")
    program = ANSWER + f"say({LOSSLESS!r} + {small!r})"
    long = small + bytes(5000)
    result = await fitted(long, Picture(PNG, 48, 32, len(long)), len(small), program=program)
    assert result.data == small
    with pytest.raises(CannotFit, match=ENDED):
        await fitted(long, Picture(PNG, 48, 32, len(long)), len(small) - 1, program=program)


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "import os, time; os.close(1); time.sleep(60)"])
async def test_a_child_that_does_not_end_is_ended(shot: bytes, program: str):
    with fail_after(10):
        assert "decoding and encoding it takes too long" in await refused(shot, program=program, seconds=0.3)


@PROCESSES
async def test_a_cancelled_call_ends_its_child(shot: bytes, tmp_path: Path):
    os.mkfifo(tmp_path / "pid")
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with fail_after(10):
        async with create_task_group() as tasks:
            tasks.start_soon(lambda: fitted(shot, examine(shot), 500, program=program))
            number = int(await anyio.Path(tmp_path / "pid").read_text())
            tasks.cancel_scope.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


async def test_no_more_than_two_children_run_at_once(shot: bytes, tmp_path: Path):
    program = f"""
import os, sys, time
mine = os.path.join({str(tmp_path)!r}, str(os.getpid()))
open(mine, "w").close()
time.sleep(0.1)
count = len(os.listdir({str(tmp_path)!r}))
os.unlink(mine)
sys.stdout.write('{packed(Outcome(reason="floor")).decode().strip()}' if count <= 2 else "")
"""
    said = await gather(*(refused(shot, program=program) for _ in range(6)))
    assert [ENDED in sentence for sentence in said] == [False] * 6


SHUT_IN = "from img402_mcp.client.fit import worker; worker._limit_resources(); "
SAY = "sys.stdout.buffer.write(worker.packed(worker.Outcome(reason='floor' if {} else None)))"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems limit less")
@pytest.mark.parametrize(
    "program",
    [
        pytest.param("try: bytes(520_000_000)\nexcept MemoryError: " + SAY.format(True), id="memory"),
        pytest.param("try: open('/dev/null')\nexcept OSError: " + SAY.format(True), id="files"),
        pytest.param("import socket\ntry: socket.socket()\nexcept OSError: " + SAY.format(True), id="sockets"),
        pytest.param(
            "import resource; " + SAY.format("resource.getrlimit(resource.RLIMIT_CPU) == (20, 21)"), id="processor"
        ),
        pytest.param("import os; " + SAY.format("not {*os.environ} - {'LC_CTYPE', 'LD_LIBRARY_PATH'}"), id="secrets"),
    ],
)
async def test_the_child_has_shut_itself_in(shot: bytes, program: str):
    first = "import sys, socket, resource; sys.path[:] = sys.argv[1:]; "
    assert "stays too large" in await refused(shot, program=f"{first}{SHUT_IN}\n{program}")


async def test_nothing_heavy_is_imported_by_the_server():
    program = "import sys, img402_mcp.client.upload; print([name for name in ('PIL', 'numpy') if name in sys.modules])"
    done = await anyio.run_process([sys.executable, "-c", program])
    assert done.stdout.split() == [b"[]"]


@pytest.mark.parametrize(
    "fields",
    [
        {"quality": 0}, {"quality": 101}, {"quality": True}, {"quality": "90"}, {"scale": 0}, {"scale": None},
        {"bits": 9}, {"colours": 1}, {"depth": 7}, {"pages": 0}, {"depth": None},
        {"was_converted": "no"}, {"had_metadata": None},
        {"reason": "else"}, {"reason": []},
    ],
)  # fmt: skip
def test_an_impossible_outcome_is_none(fields: dict[str, object]):
    with pytest.raises(ValueError, match="impossible"):
        outcome_in(packed(Outcome(**fields)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        pytest.param(Outcome(), "lossless", id="lossless"),
        pytest.param(Outcome(quality=88), "quality 88", id="quality"),
        pytest.param(Outcome(quality=88, scale=71), "quality 88, scaled to 71 %", id="scaled"),
        pytest.param(Outcome(bits=6), "colours rounded to 6 bits", id="bits"),
        pytest.param(Outcome(colours=256), "256 colours", id="palette"),
        pytest.param(Outcome(depth=16), "16 bit to 8 bit", id="deep"),
        pytest.param(Outcome(had_metadata=True), "lossless, metadata dropped", id="metadata"),
        pytest.param(Outcome(was_converted=True, quality=90), "quality 90, colours converted to sRGB", id="converted"),
    ],
)
def test_an_outcome_in_words(outcome: Outcome, words: str):
    assert outcome.in_words() == words
    assert re.fullmatch(r"[\w %,]+", words)
