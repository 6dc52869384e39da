"""An answer's snippet: whatever the file's name, it shows one image and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img402_mcp.client.snippets import snippet

URL = "https://i.example/abc.png"


@pytest.mark.parametrize(
    ("name", "url", "markdown"),
    [
        pytest.param("shot.png", URL, f"![shot]({URL})", id="plain"),
        pytest.param("login-before_2.png", URL, rf"![login-before\_2]({URL})", id="underscore"),
        pytest.param("a](b) [c].png", URL, rf"![a\](b) \[c\]]({URL})", id="brackets"),
        pytest.param("](javascript:alert(1)) ![.png", URL, rf"![\](javascript\:alert(1)) \!\[]({URL})", id="link"),
        pytest.param("x\n# y.png", URL, rf"![x \# y]({URL})", id="newline"),
        pytest.param("x\u2028> y.png", URL, rf"![x \> y]({URL})", id="line-separator"),
        pytest.param("`<b>*_.png", URL, rf"![\`\<b\>\*\_]({URL})", id="marks"),
        pytest.param("a|b.png", URL, rf"![a\|b]({URL})", id="table-cell"),
        pytest.param("@everyone :smile: $x$.png", URL, rf"![\@everyone \:smile\: \$x\$]({URL})", id="mentions"),
        pytest.param("back\\.png", URL, rf"![back\\]({URL})", id="backslash-at-the-end"),
        pytest.param("&lt;.png", URL, rf"![\&lt;]({URL})", id="entity"),
        pytest.param("\u202egnp\u200b.png", URL, f"![gnp]({URL})", id="right-to-left-override"),
        pytest.param("a" * 200 + ".png", URL, f"![{'a' * 80}]({URL})", id="long"),
        pytest.param("shot.png", "https://i.example/a(1).png", "![shot](https://i.example/a%281%29.png)", id="url"),
    ],
)
def test_a_snippet_shows_one_image_whatever_the_files_name(name, url, markdown):
    assert snippet(Path("/pictures") / name, url) == markdown


@pytest.mark.parametrize(
    ("name", "alt"),
    [
        pytest.param("shot.png", "shot", id="plain"),
        pytest.param('"><script>x.png', "&quot;&gt;&lt;script&gt;x", id="out-of-the-attribute"),
        pytest.param("' onerror='x.png", "&#x27; onerror=&#x27;x", id="single-quotes"),
        pytest.param("a|b `c` *d*.png", "a&#124;b &#96;c&#96; &#42;d&#42;", id="table-cell-and-code"),
        pytest.param("x\n\ny.png", "x y", id="newlines"),
        pytest.param("&amp;.png", "&amp;amp;", id="entity"),
    ],
)
def test_a_width_makes_a_tag_that_no_name_breaks_out_of(name, alt):
    tag = f'<img src="https://i.example/abc.png?a=1&amp;b=2" alt="{alt}" width="640">'
    assert snippet(Path("/pictures") / name, "https://i.example/abc.png?a=1&b=2", 640) == tag


@given(st.text(alphabet=st.characters(exclude_characters="/\0"), min_size=1, max_size=100))
def test_no_name_adds_a_line_an_invisible_character_or_an_unescaped_bracket(name):
    inside = snippet(Path("/pictures") / f"x{name}.png", URL).removeprefix("![").removesuffix(f"]({URL})")
    bare = inside.replace("\\\\", "").replace("\\[", "").replace("\\]", "")
    assert "[" not in bare
    assert "]" not in bare
    assert not bare.endswith("\\")
    assert inside.isprintable()
