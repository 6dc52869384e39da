"""Arguments as models and frameworks send them: clear ones are understood, others are refused in one sentence."""

from inspect import Parameter
from typing import Any

import pytest

from img402_mcp.mcp_server.arguments import Arguments, BadArguments, read_arguments
from img402_mcp.mcp_server.schema import parameters_of
from img402_mcp.mcp_server.tools import ADDED, tools

PARAMETERS = {tool.name: parameters_of(tool.fn) for tool in tools(*ADDED)}
PATH = {"path": "/shots/a.png"}


def read(tool: str, sent: dict[str, Any], *, spends: bool = False) -> Arguments:
    return read_arguments(tool, PARAMETERS[tool], sent, spends=spends)


def refused(tool: str, sent: dict[str, Any], *, spends: bool = False) -> str:
    with pytest.raises(BadArguments) as caught:
        read(tool, sent, spends=spends)
    return str(caught.value)


@pytest.mark.parametrize("tool", PARAMETERS)
def test_null_for_every_option_is_the_same_as_leaving_it_out(tool):
    options = {name: None for name, each in PARAMETERS[tool].items() if each.default is not Parameter.empty}
    needed = {name: "/a" for name, each in PARAMETERS[tool].items() if each.default is Parameter.empty}
    assert read(tool, options | needed, spends=True) == read(tool, needed, spends=True)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param({"width": "600"}, {"width": 600}, id="number-as-text"),
        pytest.param({"width": " 600 "}, {"width": 600}, id="number-with-spaces"),
        pytest.param({"width": "600px"}, {"width": 600}, id="number-with-its-unit"),
        pytest.param({"width": 600.0}, {"width": 600}, id="whole-float"),
        pytest.param({"width": "600.0"}, {"width": 600}, id="whole-float-as-text"),
        pytest.param({"width": [600]}, {"width": 600}, id="number-in-a-list"),
        pytest.param({"width": ""}, {}, id="empty-for-a-number"),
        pytest.param({"width": "null"}, {}, id="the-word-null"),
        pytest.param({"width": "None"}, {}, id="pythons-word"),
        pytest.param({"fresh": "undefined"}, {}, id="javascripts-word"),
        pytest.param({"fresh": "true"}, {"fresh": True}, id="truth-as-text"),
        pytest.param({"fresh": "False"}, {"fresh": False}, id="python-truth"),
        pytest.param({"fresh": 1}, {"fresh": True}, id="truth-as-number"),
        pytest.param({"fresh": "no"}, {"fresh": False}, id="no"),
        pytest.param({"fresh": " YES "}, {"fresh": True}, id="yes"),
        pytest.param({"fit": "NEVER"}, {"fit": "never"}, id="choice-in-capitals"),
        pytest.param({"fit": '"auto"'}, {"fit": "auto"}, id="choice-in-quotes"),
        pytest.param({"fit": ["never"]}, {"fit": "never"}, id="choice-in-a-list"),
        pytest.param({"fit": " "}, {}, id="blank-choice"),
    ],
)
def test_an_option_is_understood_as_meant(sent, expected):
    assert read("upload_free", PATH | sent) == Arguments(PATH | expected)


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        pytest.param('"/shots/a b.png"', "/shots/a b.png", id="double-quotes"),
        pytest.param("'/shots/a b.png'", "/shots/a b.png", id="single-quotes"),
        pytest.param("`/shots/a.png`", "/shots/a.png", id="backquotes"),
        pytest.param(r"/shots/a\ b\(1\).png", "/shots/a b(1).png", id="escaped-for-a-shell"),
        pytest.param("/shots/a.png\n", "/shots/a.png", id="a-line"),
        pytest.param("  /shots/a.png ", "/shots/a.png", id="spaces-around-a-full-path"),
        pytest.param(["/shots/a.png"], "/shots/a.png", id="a-list-of-one"),
        pytest.param("a\\b.png", "a\\b.png", id="a-backslash-in-a-name"),
        pytest.param("it's.png", "it's.png", id="a-quote-in-a-name"),
        pytest.param('"', '"', id="one-quote-alone"),
    ],
)
def test_a_path_is_understood_with_shell_quotes_and_escapes(sent, path):
    assert read("upload_free", {"path": sent}) == Arguments({"path": path})


@pytest.mark.parametrize(
    ("sent", "paths"),
    [
        pytest.param("a.png", ["a.png"], id="one-text"),
        pytest.param('["a.png", "b.png"]', ["a.png", "b.png"], id="json"),
        pytest.param(' ["a.png"]\n', ["a.png"], id="json-with-space"),
        pytest.param("[1] a.png", ["[1] a.png"], id="a-name-that-begins-like-json"),
        pytest.param("[" * 100_000, ["[" * 100_000], id="a-name-that-nests"),
        pytest.param(["a.png", None, "b.png"], ["a.png", "b.png"], id="null-among-them"),
        pytest.param(["'a.png'"], ["a.png"], id="quoted-item"),
        pytest.param([], [], id="none"),
        pytest.param("a, b.png", ["a, b.png"], id="a-comma-in-a-name"),
    ],
)
def test_a_list_of_paths_may_be_one_text_or_json(sent, paths):
    assert read("upload_batch", {"paths": sent}) == Arguments({"paths": paths})


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(17, "17", id="integer"),
        pytest.param(17.0, "17", id="whole-float"),
        pytest.param('"sub_1"', "sub_1", id="quoted"),
        pytest.param(["sub_1"], "sub_1", id="list-of-one"),
    ],
)
def test_an_id_may_be_a_number(sent, expected):
    ids = {"project_id": "p", "path": "/a", "submission_id": sent}
    assert read("submit_image", ids).values["submission_id"] == expected


@pytest.mark.parametrize(
    ("tool", "sent", "sentence"),
    [
        pytest.param("upload_free", {"width": "wide"}, 'width must be a whole number, such as 600; "wide"', id="word"),
        pytest.param("upload_free", {"width": 1.5}, 'width must be a whole number, such as 600; "1.5" came', id="half"),
        pytest.param("upload_free", {"width": True}, 'width must be a whole number, such as 600; "true"', id="truth"),
        pytest.param("upload_free", {"width": float("nan")}, "width must be a whole number", id="nan"),
        pytest.param("upload_free", {"width": "9" * 400}, "width must be a whole number", id="endless"),
        pytest.param("upload_free", {"width": "٦٠٠"}, "width must be a whole number", id="other-digits"),
        pytest.param("upload_free", {"fresh": "maybe"}, 'fresh must be true or false; "maybe" came.', id="maybe"),
        pytest.param("upload_free", {"fresh": 2}, 'fresh must be true or false; "2" came.', id="two"),
        pytest.param("upload_free", {"fit": "best"}, 'fit must be "auto" or "never"; "best" came.', id="choice"),
        pytest.param("upload_free", {"fit": {"a": 1}}, 'fit must be "auto" or "never"', id="object"),
        pytest.param("upload_free", {"path": 5}, "path must be the path of one file on this machine", id="number-path"),
        pytest.param("upload_free", {"path": ["/a", "/b"]}, "path must be the path of one file", id="two-paths"),
        pytest.param("upload_batch", {"paths": {"a": 1}}, "paths must be a list of paths", id="object-paths"),
        pytest.param("upload_batch", {"paths": [["a"]]}, "paths must be a list of paths or patterns", id="nested"),
        pytest.param("upload_free", {"path": None}, "upload_free needs path, which is the path of one", id="null"),
        pytest.param("upload_with_token", {"token": None}, "upload_with_token needs token, which is a", id="token"),
        pytest.param("upload_free", {"width": "\u202e\n\u202e"}, "width must", id="what-could-pass-for-our-words"),
    ],
)
def test_an_unusable_argument_is_named_with_what_was_wanted(tool, sent, sentence):
    needed = {"upload_batch": {"paths": ["a"]}}.get(tool, PATH)
    message = refused(tool, needed | sent)
    assert message.startswith(sentence)
    assert "pydantic" not in message
    assert "http" not in message
    assert "\n" not in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("tool", "name", "meant"),
    [
        ("upload_free", "file_path", "path"),
        ("upload_free", "filePath", "path"),
        ("upload_free", "filename", "path"),
        ("upload_free", "file", "path"),
        ("upload_free", "imagePath", "path"),
        ("upload_free", "image_url", "path"),
        ("upload_free", "Path", "path"),
        ("upload_free", "paths", "path"),
        ("upload_free", "pth", "path"),
        ("upload_free", "max_width", "width"),
        ("upload_free", "imageWidth", "width"),
        ("upload_free", "widht", "width"),
        ("upload_free", "refresh", "fresh"),
        ("upload_batch", "path", "paths"),
        ("upload_batch", "files", "paths"),
        ("upload_batch", "pattern", "paths"),
        ("publish_markdown", "output", "out"),
        ("publish_markdown", "dryRun", "dry_run"),
        ("publish_markdown", "dry-run", "dry_run"),
        ("find_uploads", "search", "query"),
        ("find_uploads", "days", "expiring_within_days"),
        ("submit_image", "projectId", "project_id"),
        ("upload_with_token", "upload_token", "token"),
    ],
)
def test_a_name_that_looks_like_one_of_ours_is_answered_with_the_right_one(tool, name, meant):
    needed = {own: "/a" for own, each in PARAMETERS[tool].items() if each.default is Parameter.empty and own != meant}
    message = refused(tool, needed | {name: "x"})
    assert message.startswith(f"{tool} takes {', '.join(PARAMETERS[tool])}, and not ")
    assert message.endswith(f": call it again with {meant} in its place.")


@pytest.mark.parametrize(
    "name",
    [
        "toolCallId", "sessionId", "action", "chatInput", "tool", "timeout", "explanation", "title", "description",
        "security_risk", "reasoning", "height", "requestId", "kwargs", "", "\u202e\n", "é" * 500,
    ],
)  # fmt: skip
def test_an_unknown_argument_is_ignored_and_named_in_the_answer(name):
    answer = read("upload_free", PATH | {name: "x"})
    assert answer.values == PATH
    assert answer.note.startswith("Ignored, since this tool has no such argument: ")
    assert len(answer.note) < 100
    assert answer.note.isprintable()


def test_of_many_ignored_arguments_some_are_named():
    answer = read("limits", {f"x{number}": number for number in range(1000)})
    assert (answer.values, len(answer.note) < 100) == ({}, True)


@pytest.mark.parametrize("tool", ["upload_paid", "get_upload_token", "submit_image"])
def test_a_call_that_may_spend_money_is_made_only_where_every_argument_is_known(tool):
    needed = {name: "/a" for name, each in PARAMETERS[tool].items() if each.default is Parameter.empty}
    message = refused(tool, needed | {"toolCallId": "x"}, spends=True)
    assert 'and not "toolCallId"' in message
    assert "Nothing was sent or paid" in message
