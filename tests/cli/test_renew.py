"""`img402-mcp renew`: a dry run by default, and exactly what was said with --yes."""

import pytest

from img402_mcp.cli import main
from tests.client.test_renew import Expiring
from tests.fakes.serving import on_a_socket, reply


@pytest.fixture
def api(monkeypatch, pictures):
    api = Expiring(2, 30)
    with on_a_socket(api.answer) as api.url:
        monkeypatch.setenv("IMG402_API_URL", api.url)
        monkeypatch.setenv("IMG402_STATE_DIR", str(pictures.parent / "state"))
        monkeypatch.setenv("IMG402_VERIFY", "off")
        monkeypatch.setenv("IMG402_ALLOW_DIRS", str(pictures))
        yield api


@pytest.fixture
def command(capsys):
    def run(*arguments: str):
        code = main.run([*arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_without_yes_nothing_is_sent_or_written(api, command, pictures, picture):
    command("upload", str(picture))
    page = pictures / "page.md"
    page.write_text(f"![]({api.url}/1.png)")
    code, printed, said = command("renew", "--in", str(page))
    assert (code, len(api.sizes), page.read_text()) == (0, 1, f"![]({api.url}/1.png)")
    assert printed == (
        f'"{picture}" would be uploaded again, in place of {api.url}/1.png\n"{page}": 1 URL would be replaced\n'
    )
    assert said == "This was a dry run: nothing was sent or written. Add --yes to do it.\n"


def test_with_yes_the_image_is_uploaded_afresh_and_its_url_replaced_in_each_document(api, command, pictures, picture):
    command("upload", str(picture))
    pages = [pictures / "one.md", pictures / "two.html"]
    for page in pages:
        page.write_text(f'<img src="{api.url}/1.png">')
    code, printed, said = command("renew", "--yes", "--in", *map(str, pages))
    assert (code, printed) == (0, f"{api.url}/1.png -> {api.url}/2.png\n")
    assert [page.read_text() for page in pages] == [f'<img src="{api.url}/2.png">'] * 2
    assert [line for line in said.splitlines() if "replaced" in line] == [f'"{page}": 1 URL replaced' for page in pages]
    assert command("renew", "--yes")[1] == f"{api.url}/1.png -> {api.url}/2.png\n"
    assert len(api.sizes) == 2


def test_what_cannot_be_renewed_makes_the_exit_code_1(api, command, picture):
    command("upload", str(picture))
    picture.unlink()
    code, printed, said = command("renew", "--yes")
    assert (code, printed, len(api.sizes)) == (1, "", 1)
    assert f'"{picture}" is not renewed: ' in said


def test_an_upload_that_fails_is_reported_and_makes_the_exit_code_1(api, command, picture):
    command("upload", str(picture))
    api.on_upload = lambda _: reply(400, {"error": "closed today"})
    code, printed, said = command("renew", "--yes")
    assert (code, printed) == (1, "")
    assert f"{picture}" in said
    assert "closed today" in said


def test_where_nothing_expires_it_says_so(api, command):
    assert command("renew", "--expiring", "3") == (0, "", "Nothing that is known here expires within 3 days.\n")


def test_a_document_that_cannot_be_written_is_refused_before_anything_is_sent(api, command, pictures, picture):
    command("upload", str(picture))
    with pytest.raises(Exception, match="missing.md"):
        main.run(["renew", "--yes", "--in", str(pictures / "missing.md")])
    assert len(api.sizes) == 1


def test_a_file_without_in_is_a_usage_error(capsys):
    assert main.run(["renew", "page.md"]) == 2
    assert "page.md is not expected here. Give documents after --in." in capsys.readouterr().err
