"""The first upload from a folder that is not allowed: the person is asked, once, and only for what can be allowed."""

from pathlib import Path
from typing import Any

import pytest
from mcp_types import ElicitResult

from tests.fakes.agent import ERAS, agent, money, spent, text
from tests.fakes.keys import SELLING
from tests.fakes.wire import hosting

YES = ElicitResult(action="accept", content={"allow": True})
ANSWERS = [
    pytest.param(YES, True, id="yes"),
    pytest.param(ElicitResult(action="accept", content={"allow": False}), False, id="unticked"),
    pytest.param(ElicitResult(action="decline"), False, id="no"),
    pytest.param(ElicitResult(action="cancel"), False, id="away"),
]


class Person:
    """Answers every question alike; to one about money yes."""

    def __init__(self, answer: ElicitResult = YES) -> None:
        self.answer, self.questions = answer, list[str]()

    async def __call__(self, context: Any, params: Any) -> ElicitResult:  # noqa: ARG002  # as the SDK calls it
        self.questions.append(params.message)
        is_money = params.message.startswith("Pay ")
        return ElicitResult(action="accept", content={"pay": True}) if is_money else self.answer


def question(folder: Path) -> str:
    return (
        f'Allow uploads from "{folder}"? Agents can then upload every image below it to a public URL until this '
        "server ends."
    )


@pytest.fixture
def desktop(tmp_path, sample, monkeypatch) -> Path:
    """A folder that is not among the defaults, with images in it and below it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path.resolve() / "Desktop"
    for name in ("a.png", "sub/b.png", ".x/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(sample("plain.png"))
    (folder / "a.md").write_text("![a](a.png)")
    return folder


@pytest.fixture
async def wire(tmp_path):
    async with hosting(tmp_path / "host", SELLING) as joined:
        yield joined


def by_default(folder: Path) -> dict[str, Any]:
    """The settings where nobody named folders: one default, which is another."""
    return {"folders_named_by": "", "default_reasons": {folder: "the working directory"}}


@ERAS
@pytest.mark.parametrize(("answer", "allowed"), ANSWERS)
async def test_the_person_is_asked_once_for_the_folder_of_an_image(era, answer, allowed, wire, pictures, desktop):
    person = Person(answer)
    async with agent(pictures, wire, era, on_question=person, **by_default(pictures)) as client:
        first = await client.call_tool("upload_free", {"path": str(desktop / "a.png")})
        again = await client.call_tool("upload_free", {"path": str(desktop / "sub" / "b.png")})
        found = await client.call_tool("limits")
    assert person.questions[0] == question(desktop)
    assert (first.is_error, again.is_error) == (not allowed, not allowed)
    because = dict(zip(*(found.structured_content[name] for name in ("allowed_dirs", "allowed_because")), strict=True))
    allowed_now = {str(desktop): "allowed by the user for this session"} if allowed else {}
    assert because == {str(pictures): "the working directory"} | allowed_now
    if allowed:
        assert len(person.questions) == 1
    else:
        assert f'Ask the user to run: img402-mcp allow "{desktop}"' in text(first)


@ERAS
async def test_a_folder_that_was_refused_is_not_asked_for_again(era, wire, pictures, desktop):
    person = Person(ElicitResult(action="decline"))
    async with agent(pictures, wire, era, on_question=person, **by_default(pictures)) as client:
        for _ in range(3):
            await client.call_tool("upload_free", {"path": str(desktop / "a.png")})
    assert person.questions == [question(desktop)]


@ERAS
async def test_what_is_there_and_what_is_not_is_asked_for_alike(era, wire, pictures, desktop):
    person = Person()
    missing = desktop.parent / "none"
    async with agent(pictures, wire, era, on_question=person, **by_default(pictures)) as client:
        result = await client.call_tool("upload_free", {"path": str(missing / "a.png")})
    assert (person.questions, text(result).partition('" ')[2]) == ([question(missing)], "does not exist.")


@ERAS
@pytest.mark.parametrize(
    "path", ["/a.png", "/etc/a.png", "~/a.png", "~/.ssh/a.png", "{desktop}/.x/c.png", "{desktop}/link/c.png"]
)
async def test_what_not_even_the_user_can_allow_is_not_asked_for(era, path, wire, pictures, desktop):
    (desktop / "link").symlink_to(".x")
    person = Person()
    async with agent(pictures, wire, era, on_question=person, **by_default(pictures)) as client:
        result = await client.call_tool("upload_free", {"path": path.format(desktop=desktop)})
    assert (person.questions, result.is_error) == ([], True)
    assert "is not inside an allowed folder" in text(result)


@ERAS
async def test_where_someone_named_the_folders_nobody_is_asked(era, wire, pictures, desktop):
    person = Person()
    async with agent(pictures, wire, era, on_question=person) as client:
        result = await client.call_tool("upload_free", {"path": str(desktop / "a.png")})
    assert (person.questions, "img402-mcp allow" in text(result)) == ([], False)


@ERAS
async def test_a_client_that_cannot_ask_is_told_the_command(era, wire, pictures, desktop):
    async with agent(pictures, wire, era, **by_default(pictures)) as client:
        result = await client.call_tool("upload_free", {"path": str(desktop / "a.png")})
        many = await client.call_tool("upload_batch", {"paths": [str(desktop / "*" / "*.png")]})
    for answer in (result, many):
        assert f'Ask the user to run: img402-mcp allow "{desktop}"' in text(answer)


@ERAS
async def test_of_many_images_the_folders_are_asked_for_before_the_first_is_sent(era, wire, pictures, picture, desktop):
    person = Person()
    paths = [str(picture), str(desktop / "*.png"), str(desktop.parent / "none" / "x.png")]
    async with agent(pictures, wire, era, on_question=person, history=False, **by_default(pictures)) as client:
        result = await client.call_tool("upload_batch", {"paths": paths})
    found = result.structured_content
    assert person.questions == [question(desktop), question(desktop.parent / "none")]
    assert [each["path"] for each in found["uploads"]] == [str(picture), str(desktop / "a.png")]
    assert [each["path"] for each in found["failures"]] == [paths[2]]


@ERAS
async def test_a_batch_goes_on_without_a_folder_that_was_refused(era, wire, pictures, picture, desktop):
    person = Person(ElicitResult(action="decline"))
    async with agent(pictures, wire, era, on_question=person, **by_default(pictures)) as client:
        result = await client.call_tool("upload_batch", {"paths": [str(picture), str(desktop / "a.png")]})
    found = result.structured_content
    assert ([each["path"] for each in found["uploads"]], len(found["failures"])) == ([str(picture)], 1)
    assert person.questions == [question(desktop)]


@ERAS
async def test_folder_and_price_are_asked_for_in_turn(era, wire, pictures, desktop):
    person = Person()
    settings = by_default(pictures) | {"money": money(approve="ask")}
    async with agent(pictures, wire, era, on_question=person, **settings) as client:
        result = await client.call_tool("upload_paid", {"path": str(desktop / "a.png")})
        assert (result.is_error, await spent(client)) == (False, "0.01")
    assert person.questions == [question(desktop), "Pay 0.01 USDC to localhost for one image upload?"]


@ERAS
async def test_a_document_s_folder_and_that_of_its_copy_are_asked_for(era, wire, pictures, desktop):
    person = Person()
    copy = desktop.parent / "copies"
    copy.mkdir()
    async with agent(pictures, wire, era, on_question=person, **by_default(pictures)) as client:
        result = await client.call_tool("publish_markdown", {"path": str(desktop / "a.md"), "out": str(copy / "a.md")})
    assert (person.questions, result.is_error) == ([question(desktop), question(copy)], False)


@ERAS
async def test_a_person_is_not_asked_without_end(era, wire, pictures, desktop):
    person = Person(ElicitResult(action="decline"))
    async with agent(pictures, wire, era, on_question=person, **by_default(pictures)) as client:
        for number in range(12):
            await client.call_tool("upload_free", {"path": str(desktop.parent / str(number) / "a.png")})
    assert len(person.questions) == 10
