"""A picture in a format that no API takes is converted and sent, on each way to an API, unless fit is off."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from img402_mcp.client.http import Response
from img402_mcp.client.paid_upload import open_paid_uploader
from img402_mcp.client.upload import UploadOptions
from img402_mcp.errors import ReadRefused
from tests.fakes.agent import agent, fetched, money, uploading
from tests.fakes.api import Api
from tests.fakes.wire import API, hosting

HEIC = Path(__file__).parents[1] / "corpus" / "heic"


def drawn(kind: str) -> bytes:
    target = BytesIO()
    Image.linear_gradient("L").resize((90, 60)).convert("RGB").save(target, kind)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "step"),
    [
        pytest.param("a.avif", drawn("AVIF"), "avif -> png, lossless", id="avif"),
        pytest.param("a.bmp", drawn("BMP"), "bmp -> png, lossless", id="bmp"),
        pytest.param("a.tif", drawn("TIFF"), "tiff -> png, lossless", id="tiff"),
        pytest.param("misnamed.png", drawn("BMP"), "bmp -> png, lossless", id="by-its-bytes"),
        pytest.param(
            "IMG_1.HEIC", (HEIC / "turned.heic").read_bytes(), "heic -> png, lossless, metadata dropped", id="heic"
        ),
    ],
)
async def test_it_is_converted_and_the_answer_says_so(pictures, tmp_path, name, data, step):
    (pictures / name).write_bytes(data)
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire) as uploader:
        upload = await uploader.upload(str(pictures / name))
        again = await uploader.upload(str(pictures / name))
        served = await fetched(wire, upload.receipt.url)
    picture = Image.open(BytesIO(served))
    assert (upload.done, upload.verified, upload.receipt.size_bytes) == ((step,), True, len(served))
    assert (upload.width, upload.height) == picture.size
    assert (again.receipt.url, again.reused) == (upload.receipt.url, True)


async def test_what_only_calls_itself_a_colour_profile_does_not_come_along(pictures):
    target = BytesIO()
    payload = bytes(16) + b"RGB " + b"SECRET" * 40
    Image.open(BytesIO(drawn("TIFF"))).save(target, "TIFF", icc_profile=payload)
    (pictures / "a.tif").write_bytes(target.getvalue())
    api, came = Api(), list[bytes]()

    def taken(image: bytes) -> Response:
        came.append(image)
        return api.taken(image)

    api.on_upload = taken
    async with uploading(pictures, api.transport, verify=False) as uploader:
        upload = await uploader.upload(str(pictures / "a.tif"))
    assert upload.done == ("tiff -> png, lossless", "removed: broken colour profile")
    assert "icc_profile" not in Image.open(BytesIO(came[0])).info


async def test_an_api_that_does_not_take_the_first_choice_gets_another(pictures):
    (pictures / "a.bmp").write_bytes(drawn("BMP"))
    api = Api(stated={"formats": ["image/jpeg"], "free": {"maxBytes": 100_000, "days": 7}})
    async with uploading(pictures, api.transport, verify=False) as uploader:
        upload = await uploader.upload(str(pictures / "a.bmp"))
    assert upload.done[0].startswith("bmp -> jpeg, quality ")


async def test_a_limit_that_the_api_names_is_met_from_the_original(pictures):
    image = Image.effect_noise((400, 300), 60).convert("RGB")
    image.save(pictures / "a.bmp")
    api = Api(60_000, "At most 60,000 bytes.")
    async with uploading(pictures, api.transport, verify=False) as uploader:
        upload = await uploader.upload(str(pictures / "a.bmp"))
    assert [size <= 60_000 for size in api.sizes] == [False, True]
    assert len(upload.done) == 1


@pytest.mark.parametrize(
    ("kind", "what"),
    [("AVIF", "is an AVIF image; save it as WebP or PNG first"), ("BMP", "is a BMP image; save it as PNG first")],
)
async def test_with_fit_off_it_is_refused_as_what_it_is(pictures, kind, what):
    (pictures / "a.png").write_bytes(drawn(kind))
    async with uploading(pictures, Api().transport) as uploader:
        with pytest.raises(ReadRefused, match=what):
            await uploader.upload(str(pictures / "a.png"), options=UploadOptions(fit=False))


async def test_the_pictures_of_a_document_and_of_a_pattern_are_converted_too(pictures):
    (pictures / "a.bmp").write_bytes(drawn("BMP"))
    (pictures / "page.md").write_text("![](a.bmp)")
    api = Api()
    async with agent(pictures, api.transport, verify=False) as client:
        published = await client.call_tool("publish_markdown", {"path": str(pictures / "page.md")})
        batch = await client.call_tool("upload_batch", {"paths": [f"{pictures}/*.bmp"]})
    assert published.structured_content["text"] == f"![]({API}/1.png)"
    assert "bmp -> png, lossless" in published.structured_content["uploads"][0]["note"]
    assert batch.structured_content["uploads"][0]["done"] == "bmp -> png, lossless"


async def test_an_svg_stays_refused(pictures):
    (pictures / "a.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>")
    async with uploading(pictures, Api().transport) as uploader:
        with pytest.raises(ReadRefused, match="is an SVG; render it to PNG first"):
            await uploader.upload(str(pictures / "a.svg"))


async def test_it_is_converted_before_it_is_paid_for(pictures, wire):
    (pictures / "a.tif").write_bytes(drawn("TIFF"))
    async with uploading(pictures, wire, money=money()) as uploader:
        with open_paid_uploader(uploader) as paid:
            upload = await paid.upload(str(pictures / "a.tif"))
    assert (upload.done, upload.receipt.content_type) == (("tiff -> png, lossless",), "image/png")


async def test_what_cannot_be_converted_is_not_paid_for(pictures, wire):
    Image.linear_gradient("L").convert("F").save(pictures / "a.tif")
    async with uploading(pictures, wire, money=money()) as uploader:
        with open_paid_uploader(uploader) as paid:
            with pytest.raises(ReadRefused, match="it is HDR"):
                await paid.upload(str(pictures / "a.tif"))
            assert (await paid.status()).spent_in_all == 0
