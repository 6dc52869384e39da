"""The corridor, from a path to markdown."""

from pathlib import Path

import pytest

from img402_mcp.upload import snippet

URL = "https://i.example/abc.png"


@pytest.mark.parametrize(
    ("name", "url", "markdown"),
    [
        pytest.param("shot.png", URL, f"![shot]({URL})", id="plain"),
        pytest.param("a](b) [c].png", URL, rf"![a\](b) \[c\]]({URL})", id="brackets"),
        pytest.param("x\n# y.png", URL, rf"![x \# y]({URL})", id="newline"),
        pytest.param("`<b>*_.png", URL, rf"![\`\<b\>\*\_]({URL})", id="marks"),
        pytest.param("\u202egnp.png", URL, f"![ gnp]({URL})", id="right-to-left-override"),
        pytest.param("a" * 200 + ".png", URL, f"![{'a' * 80}]({URL})", id="long"),
        pytest.param(
            "shot.png", "https://i.example/a(1).png", "![shot](https://i.example/a%281%29.png)", id="parentheses"
        ),
    ],
)
def test_a_snippet_holds_one_image_whatever_the_file_is_called(name, url, markdown):
    assert snippet(Path("/pictures") / name, url) == markdown
