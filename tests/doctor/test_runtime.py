from img402_mcp.doctor.finding import ok


async def test_this_python_can_make_an_image_smaller(found):
    assert await found("fit") == [ok("works (png 4 kB -> png 1 kB, lossless)")]
