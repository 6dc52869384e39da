"""One member is set or removed, and every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img402_mcp.agents.jsonc import parsed, with_member, without_member

PATH = ("mcpServers", "img402")


def lines(*each: str, end: str = "\n") -> str:
    return "".join(line + end for line in each)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", lines("{", '  "s": {', '    "n": 1', "  }", "}"), id="empty"),
        pytest.param("{}", '{\n  "s": {\n    "n": 1\n  }\n}', id="object"),
        pytest.param('{"a": 1}', '{"a": 1, "s": {"n": 1}}', id="one-line"),
        pytest.param('{"a":1,}', '{"a":1, "s": {"n": 1},}', id="one-line-trailing-comma"),
        pytest.param('{"s":{}}', '{"s":{"n": 1}}', id="one-line-empty"),
        pytest.param('{"s": null}', '{"s": {"n": 1}}', id="null"),
        pytest.param('{\n\t"s": null\n}', '{\n\t"s": {\n\t\t"n": 1\n\t}\n}', id="null-and-tabs"),
        pytest.param("// all mine", '// all mine\n{\n  "s": {\n    "n": 1\n  }\n}\n', id="only-a-comment"),
        pytest.param('{\n    "a": 1\n}', '{\n    "a": 1,\n    "s": {\n        "n": 1\n    }\n}', id="four-spaces"),
        pytest.param('{\r\n "a": 1\r\n}', '{\r\n "a": 1,\r\n "s": {\r\n  "n": 1\r\n }\r\n}', id="crlf"),
        pytest.param('{\n  "s": {}\n}', '{\n  "s": {\n    "n": 1\n  }\n}', id="empty-in-lines"),
        pytest.param(
            '{\n  "s": {\n    // none yet\n  }\n}', '{\n  "s": {\n    // none yet\n    "n": 1\n  }\n}', id="only-a-note"
        ),
        pytest.param('{\n  "s": {"m": 2}\n}', '{\n  "s": {"m": 2, "n": 1}\n}', id="one-line-in-lines"),
        pytest.param('{"s": {\n  "m": 2 }}', '{"s": {\n  "m": 2,\n  "n": 1 }}', id="brace-behind-the-last"),
        pytest.param('{"s": {"n": 7, "n2": 8}}', '{"s": {"n": 1, "n2": 8}}', id="other-value"),
        pytest.param('{"s": {"\\u006e": 7}}', '{"s": {"\\u006e": 1}}', id="escaped-key"),
        pytest.param('{"s": {"n": 1 /* x */}}', '{"s": {"n": 1 /* x */}}', id="same"),
        pytest.param('{"t": "}{,//\\"", "s": {}}', '{"t": "}{,//\\"", "s": {"n": 1}}', id="marks-in-a-string"),
        pytest.param('{"s": {"m": {"n": 9}, "l": [{"n": 9}]}}', None, id="same-name-elsewhere"),
    ],
)
def test_a_member_is_set(before: str, after: str | None):
    after = after or before.replace("]}}", ']}, "n": 1}}').replace("]}, ", "], ", 1)
    assert with_member(before, ("s", "n"), 1) == after
    assert parsed(after)["s"]["n"] == 1


INVERSE = [
    pytest.param('{\n  "mcpServers": {\n    "a": {"command": "x"}\n  }\n}\n', id="usual"),
    pytest.param('{\n  "mcpServers": {\n    "a": 1 // note\n  }\n}', id="comment-behind"),
    pytest.param('{\n  "mcpServers": {\n    "a": 1, // note\n    /* more */\n  },\n}', id="trailing-commas"),
    pytest.param('{\n  "mcpServers": {\n    "a": 1 /* , */ , /* } */\n  },\n}', id="marks-in-comments"),
    pytest.param('{"mcpServers":{"a":1},"b":[1,2,]}', id="minified"),
    pytest.param('\t{\r\n\t"mcpServers": {\r\n\t\t"a": 1   \r\n\t}\r\n\t}\r\n', id="crlf-tabs-spaces"),
    pytest.param('// head\n{ // x\n  "mcpServers" : // why\n  {\n    "a": "//no }" }\n}\n// tail', id="odd-places"),
    pytest.param('{\r "mcpServers": {\r  "a": 1\r }\r}', id="cr-alone"),
    pytest.param('{"mcpServers": {\n}}', id="empty-in-lines"),
    pytest.param('{"z": 1, "mcpServers": {"a": "\u2028\U0001f600"}}', id="unicode"),
]
ENTRY = {"command": "/x y/é", "args": [], "env": {"A": "\\"}}


@pytest.mark.parametrize("before", INVERSE)
def test_what_was_inserted_is_removed_to_the_byte(before: str):
    after = with_member(before, PATH, ENTRY)
    assert parsed(after)["mcpServers"] == {**parsed(before)["mcpServers"], "img402": ENTRY}
    assert without_member(after, PATH) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param('{"s": {"n": 1, "m": 2}}', '{"s": {"m": 2}}', id="first"),
        pytest.param('{"s": {"l": 0, "n": 1, "m": 2}}', '{"s": {"l": 0, "m": 2}}', id="middle"),
        pytest.param('{"s": {"n": 1}}', '{"s": {}}', id="only"),
        pytest.param('{"s": {\n "n": 1,\n "m": 2\n}}', '{"s": {\n "m": 2\n}}', id="first-line"),
        pytest.param('{"s": {\n "l": 0, // l\n "n": 1 // n\n}}', '{"s": {\n "l": 0 // l\n // n\n}}', id="its-comment"),
        pytest.param('{"s": {\n "l": 0, // l\n "n": 1}}', '{"s": {\n "l": 0 // l\n }}', id="behind-a-line-comment"),
        pytest.param('{"s": {\r\n "l": 0, // l\r\n "n": 1}}', '{"s": {\r\n "l": 0 // l\r\n }}', id="the-same-in-crlf"),
        pytest.param('{"s": {\n // m\n "n": 1, "m": 2}}', '{"s": {\n // m\n "m": 2}}', id="before-another"),
        pytest.param('{"s": {"m": 1}}', '{"s": {"m": 1}}', id="none"),
        pytest.param('{"s": 1}', '{"s": 1}', id="no-object"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_member_is_removed(before: str, after: str):
    assert without_member(before, ("s", "n")) == after
    assert parsed(after) == ({**parsed(before)} if after == before and before else parsed(after))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        pytest.param('{"a": 1', 1, 8, id="cut-off"),
        pytest.param('{\n  "a" 1\n}', 2, 7, id="colon"),
        pytest.param("[]", 1, 1, id="list-at-the-top"),
        pytest.param("null", 1, 1, id="null-at-the-top"),
        pytest.param('// c\n"text"', 2, 1, id="text-at-the-top"),
        pytest.param('{"s": []}', 1, 7, id="list-on-the-way"),
        pytest.param('{"s": "x"}', 1, 7, id="text-on-the-way"),
        pytest.param('{\n"s": {},\n"s": {}}', 3, 1, id="key-twice"),
        pytest.param('{"s": {"n": 1, "\\u006e": 2}}', 1, 16, id="key-twice-in-two-spellings"),
        pytest.param('{"a": NaN}', 1, 7, id="nan"),
        pytest.param('{"a": "NaN", "b": -Infinity}', 1, 19, id="infinity"),
        pytest.param("{,}", 1, 2, id="comma-alone"),
        pytest.param('{"a": [1,,]}', 1, 10, id="two-commas"),
        pytest.param('{"a": }', 1, 7, id="no-value"),
        pytest.param('{"a": "\n"}', 1, 8, id="line-break-in-text"),
        pytest.param('{"a": 1} x', 1, 10, id="more"),
        pytest.param("{ /* open", 1, 3, id="open-comment"),
        pytest.param("{} /*/", 1, 4, id="open-comment-behind-the-end"),
        pytest.param('{"a": "\\"', 1, 7, id="open-text"),
        pytest.param("{'a': 1}", 1, 2, id="single-quotes"),
    ],
)
def test_what_cannot_be_changed_is_named_by_its_place(text: str, line: int, column: int):
    with pytest.raises(json.JSONDecodeError) as caught:
        with_member(text, ("s", "n"), 1)
    assert (caught.value.lineno, caught.value.colno) == (line, column)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["/* " * 200_000, '"' + '\\"' * 200_000, '{"a":' + " " * 500_000], ids=["/*", '"', " "]
)
def test_what_does_not_end_takes_no_longer_for_its_length(text: str):
    with pytest.raises(json.JSONDecodeError):
        with_member(text, ("s", "n"), 1)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"], ids=["open", "whole"])
def test_what_is_nested_too_deep_is_an_error_and_no_crash(text: str):
    with pytest.raises(RecursionError):
        with_member(text, ("s", "n"), 1)


@pytest.mark.parametrize("text", ['{"a": 1,}', '{"a": 1} // x', "/* */ {}"], ids=["comma", "line", "block"])
def test_plain_json_has_neither_comments_nor_trailing_commas(text: str):
    with pytest.raises(json.JSONDecodeError):
        with_member(text, ("s", "n"), 1, comments=False)


def test_a_number_of_any_length_is_read():
    assert with_member(f'{{"a": {"9" * 5000}}}', ("n",), 1).endswith(', "n": 1}')


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "img402", ",", "//"]), inner),
    max_leaves=8,
)
gaps = st.sampled_from(["", " ", "\n  ", "\r\n\t", " // c, }\n", "/* { */"])


@st.composite
def texts(draw: st.DrawFn, value: Any) -> str:
    """The value, with comments, spaces and trailing commas anywhere."""
    if isinstance(value, dict | list):
        parts = [
            draw(gaps)
            + (f"{json.dumps(each)}{draw(gaps)}:{draw(gaps)}" if isinstance(value, dict) else "")
            + draw(texts(value[each] if isinstance(value, dict) else each))
            + draw(gaps)
            for each in value
        ]
        comma = draw(st.sampled_from(["", ","])) if parts else ""
        start, end = "{}" if isinstance(value, dict) else "[]"
        return f"{start}{','.join(parts)}{comma}{draw(gaps)}{end}"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@given(
    st.data(), st.dictionaries(st.sampled_from(["a", "mcpServers"]), st.dictionaries(st.sampled_from("abc"), values))
)
def test_whatever_stands_around_it_only_the_member_changes(data: st.DataObject, servers: dict[str, Any]):
    before = data.draw(gaps) + data.draw(texts(servers)) + data.draw(gaps)
    after = with_member(before, PATH, ENTRY)
    others = {key: value for key, value in servers.items() if key != "mcpServers"}
    assert parsed(before) == servers
    assert parsed(after) == others | {"mcpServers": {**servers.get("mcpServers", {}), "img402": ENTRY}}
    assert parsed(without_member(after, PATH)) == {"mcpServers": {}} | servers
