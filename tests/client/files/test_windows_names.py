"""What Windows makes of a path, as text: tried on every system."""

import pytest

from img402_mcp.client.files.windows_names import is_remote, oddity, with_namespace, without_namespace


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        pytest.param(r"\\host\share\x.png", True, id="backslashes"),
        pytest.param("//host/share/x.png", True, id="slashes"),
        pytest.param(r"\/host\share\x.png", True, id="mixed"),
        pytest.param(r"/\host/share/x.png", True, id="mixed-otherwise"),
        pytest.param(r"\\?\UNC\host\share\x.png", True, id="long-unc"),
        pytest.param(r"\\.\UNC\host\share\x.png", True, id="device-unc"),
        pytest.param("//?/unc/host/share/x.png", True, id="slashes-long-unc"),
        pytest.param(r"\\?\GLOBALROOT\Device\Mup\host\share\x.png", True, id="global-root"),
        pytest.param(r"\\host@SSL\DavWWWRoot\x.png", True, id="web-dav"),
        pytest.param(r"\\.\pipe\x", True, id="pipe"),
        pytest.param(r"\??\UNC\host\share\x.png", True, id="kernel-unc"),
        pytest.param("/??/UNC/host/share/x.png", True, id="kernel-unc-in-slashes"),
        pytest.param(r"\\host", True, id="host-alone"),
        pytest.param(r"C:\shot.png", False, id="drive"),
        pytest.param(r"\shot.png", False, id="root-of-the-drive"),
        pytest.param("shot.png", False, id="relative"),
        pytest.param(r"..\\host\share", False, id="not-at-the-start"),
    ],
)
def test_a_path_that_names_another_machine_is_known_by_its_text(text, remote):
    assert is_remote(text) is remote


@pytest.mark.parametrize(
    "root",
    [r"\\wsl$\Ubuntu\home\me", "//WSL$/Ubuntu/home", r"\\?\UNC\wsl$\Ubuntu\home"],
    ids=["plain", "slashes", "unc"],
)
def test_a_share_below_which_a_root_lies_is_no_stranger(root):
    assert not is_remote(r"\\wsl$\ubuntu\home\me\shot.png", [root])
    assert is_remote(r"\\wsl$\debian\home\me\shot.png", [root])
    assert is_remote(r"\\evil\ubuntu\shot.png", [root])


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        pytest.param(r"\\?\C:\shot.png", r"C:\shot.png", id="long"),
        pytest.param("//?/C:/shot.png", "C:/shot.png", id="slashes"),
        pytest.param(r"\\.\C:\shot.png", r"C:\shot.png", id="device"),
        pytest.param(r"\\?\UNC\host\share", r"\\?\UNC\host\share", id="unc-stays"),
        pytest.param(r"C:\shot.png", r"C:\shot.png", id="plain-stays"),
    ],
)
def test_a_long_path_of_a_drive_is_the_plain_one(text, plain):
    assert without_namespace(text) == plain


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        pytest.param(r"C:\evil.bat:x.md", "stream", id="stream"),
        pytest.param(r"C:\shot.png::$DATA", "stream", id="data-stream"),
        pytest.param(r"C:\folder:x\shot.png", "stream", id="stream-of-a-folder"),
        pytest.param(r"C:\NUL", "device", id="nul"),
        pytest.param(r"C:\con.png", "device", id="con-with-an-ending"),
        pytest.param(r"C:\x\COM1.txt", "device", id="com"),
        pytest.param("C:\\x\\lpt\xb2", "device", id="lpt-superscript"),
        pytest.param(r"C:\aux \x.png", "ends in", id="aux-with-a-space"),
        pytest.param(r"C:\shot.png.", "ends in a dot", id="trailing-dot"),
        pytest.param("C:\\shot.png ", "ends in a dot", id="trailing-space"),
        pytest.param(r"C:\folder.\shot.png", "ends in a dot", id="a-folders-trailing-dot"),
        pytest.param(r"C:\console.png", "", id="only-begins-like-one"),
        pytest.param(r"C:\COM10.png", "", id="no-such-port"),
        pytest.param(r"C:\a.b.png", "", id="dots-inside"),
        pytest.param(r"..\shot.png", "", id="up"),
        pytest.param(r'"C:\a b.png"', "", id="quoted"),
        pytest.param(r"<C:\a.png>", "", id="in-brackets"),
    ],
)
def test_a_name_that_windows_reads_otherwise_is_refused(text, clause):
    assert (clause in oddity(text)) if clause else oddity(text) == ""


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        pytest.param("C:\\" + "a" * 240, "\\\\?\\C:\\" + "a" * 240, id="long"),
        pytest.param("C:/x/../" + "a" * 240, "\\\\?\\C:\\" + "a" * 240, id="long-and-untidy"),
        pytest.param("\\\\?\\C:\\" + "a" * 240, "\\\\?\\C:\\" + "a" * 240, id="has-it"),
        pytest.param("C:\\a.png", "C:\\a.png", id="short"),
        pytest.param("a" * 300, "a" * 300, id="relative"),
    ],
)
def test_a_path_that_is_too_long_for_windows_is_asked_for_by_its_long_form(text, asked):
    assert with_namespace(text) == asked
