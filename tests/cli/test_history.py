"""`img402-mcp history`: a table that fits, JSON that is whole, and forgetting that says what it did."""

import json
import time
from contextlib import closing
from dataclasses import replace

import pytest

from img402_mcp.cli import history as command_history
from img402_mcp.cli import main
from img402_mcp.client.history import History, HistoryEntry
from img402_mcp.errors import SettingsError
from tests.fakes.history import DAY, NOW
from tests.fakes.history import ENTRY as ANY_ENTRY

ENTRY = replace(ANY_ENTRY, path="/home/ann/shots/login.png", terms="paid", expires_at=NOW + 6.6 * DAY, price=10_000)


@pytest.fixture
def history(tmp_path, monkeypatch):
    monkeypatch.setenv("IMG402_STATE_DIR", str(tmp_path))
    with closing(History.open(tmp_path, NOW)) as opened:
        yield opened


@pytest.fixture
def command(capsys):
    def run(*arguments: str):
        code = main.run(["history", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def lines(*entries: HistoryEntry, width: int | None = None) -> list[str]:
    return [*command_history.table(entries, now=NOW, width=width)]


def test_a_pipe_gets_a_line_for_each_upload_and_nothing_is_cut():
    small = replace(ENTRY, path="/a.png", size_bytes=950, expires_at=None)
    assert lines(ENTRY, small) == [
        "2026-09-21 14:13Z  /home/ann/shots/login.png  0.7 MB  in 7 days  https://i.example/Xy12.webp",
        "2026-09-21 14:13Z  /a.png                     0.9 KB  never      https://i.example/Xy12.webp",
    ]
    assert lines() == []


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        pytest.param(92, ["14:13Z  /home/ann/shots/login.png  0.7 MB  in 7 days  https://i"], id="just-fits"),
        pytest.param(91, ["14:13Z  …ome/ann/shots/login.png  0.7 MB  in 7 days  https://i"], id="one-less"),
        pytest.param(79, ["14:13Z  …s/login.png  0.7 MB  in 7 days  https://i"], id="narrowest-line"),
        pytest.param(78, ["14:13Z  /home/ann/shots/login.png  0.7 MB  in 7 days", "  https://i"], id="two-lines"),
        pytest.param(50, ["14:13Z  …s/login.png  0.7 MB  in 7 days", "  https://i"], id="two-narrow-lines"),
    ],
)
def test_the_table_fits_the_terminal_and_a_url_is_never_cut(width, expected):
    output = lines(ENTRY, width=width)
    assert [line.removeprefix("2026-09-21 ").removesuffix(".example/Xy12.webp") for line in output] == expected
    assert all(len(line) <= width for line in output)


def test_wide_characters_count_as_two_cells():
    output = lines(replace(ENTRY, path="/画面/画面.png"), replace(ENTRY, path="/e\u0301cran/plus.png"), width=80)
    assert [line[19:].partition("  0.7 MB")[0] for line in output] == ["…面/画面.png ", "…ran/plus.png"]
    whole = lines(replace(ENTRY, path="/画面.png"), replace(ENTRY, path="/e\u0301cran.png"))
    assert [line[19:].partition("  0.7 MB")[0] for line in whole] == ["/画面.png ", "/e\u0301cran.png"]


def test_control_characters_are_escaped():
    (line,) = lines(replace(ENTRY, path="/a\x1b[2J\n\u202egnp.exe\x9b"))
    assert line[19:60].startswith("/a\\x1b[2J\\n\\u202egnp.exe\\x9b  0.7 MB")


@pytest.mark.parametrize(
    ("changes", "output"),
    [
        pytest.param({"expires_at": NOW + 2 * DAY}, "in 2 days", id="days"),
        pytest.param({"expires_at": NOW + 2 * DAY - 1}, "in 48 hours", id="hours"),
        pytest.param({"expires_at": NOW + 3600}, "in 60 minutes", id="minutes"),
        pytest.param({"expires_at": NOW + 1}, "in 1 seconds", id="seconds"),
        pytest.param({"expires_at": NOW}, "expired", id="expired"),
        pytest.param({"expires_at": None}, "never", id="never"),
        pytest.param({"expires_at": None, "expiry_known": False}, "unknown", id="unknown"),
        pytest.param({"gone": True}, "gone", id="gone"),
    ],
)
def test_the_expiry_is_given_in_words(changes, output):
    (line,) = lines(replace(ENTRY, **changes))
    assert line.split("MB  ")[1].split("  https")[0] == output


def test_the_history_is_printed_newest_first(history, command):
    history.remember(ENTRY)
    history.remember(replace(ENTRY, path="/b.png"))
    code, out, err = command("--limit", "1")
    assert (code, out.count("\n"), "/b.png" in out, err) == (0, 1, True, "1 upload not shown; --limit 0 shows all.\n")
    assert command("LOGIN", "--limit", "0")[1].count("https://i.example") == 1
    assert command("--limit", "0")[1].count("https://i.example") == 2
    assert command("nothing") == (1, "", "No such upload is known.\n")


def test_what_expires_soon_is_printed(history, command):
    history.remember(replace(ENTRY, expires_at=time.time() + 1.5 * DAY))
    assert [command("--expiring", days)[0] for days in ("1", "2")] == [1, 0]
    assert command("--expiring", "2")[2] == "`img402-mcp renew --expiring 2` uploads them again.\n"
    assert command()[2] == ""


def test_json_is_one_array_of_everything(history, command):
    history.remember(ENTRY)
    code, out, err = command("--json", "login")
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {
            "at": "2026-09-21T14:13:20Z",
            "path": "/home/ann/shots/login.png",
            "source": "aa" * 32,
            "sent": "bb" * 32,
            "url": "https://i.example/Xy12.webp",
            "id": "Xy12",
            "api": "https://api.example",
            "terms": "paid",
            "preparation": "scrub fit",
            "content_type": "image/webp",
            "size_bytes": 700_000,
            "width": 1280,
            "height": 800,
            "expires_at": "2026-09-28T04:37:20Z",
            "expiry_known": True,
            "price_usdc": "0.01",
            "done": "png 3.1 MB -> webp 0.7 MB, lossless",
            "gone": False,
        }
    ]
    assert command("--json", "nothing") == (1, "[]\n", "")


STAY = "forgotten. The images themselves stay public until they expire.\n"


def test_forgetting_says_how_many_and_that_the_images_stay(history, command):
    for name in ("a", "b", "c"):
        history.remember(replace(ENTRY, path=f"/{name}.png"))
    assert command("--forget", "/B.png") == (0, f"1 upload {STAY}", "")
    assert [entry.path for entry in history.find(now=NOW)] == ["/c.png", "/a.png"]
    assert command("--forget", "/b.png") == (1, f"0 uploads {STAY}", "")
    assert command("--forget-all") == (0, f"2 uploads {STAY}", "")
    assert history.find(now=NOW) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["--forget", " "], "--forget names nothing; --forget-all forgets every upload", id="empty"),
        pytest.param(["login", "--forget-all"], "--forget takes only its QUERY, and --forget-all", id="all-and-query"),
        pytest.param(["login", "--forget", "x"], "--forget takes only its QUERY", id="two-queries"),
        pytest.param(["--expiring", "3", "--forget-all"], "--forget takes only its QUERY", id="expiring"),
    ],
)
def test_a_command_that_could_mean_less_forgets_nothing(history, command, arguments, sentence):
    history.remember(ENTRY)
    with pytest.raises(SettingsError, match=f"^Nothing was forgotten: {sentence}"):
        command(*arguments)
    assert history.find(now=NOW) == [ENTRY]


@pytest.mark.parametrize(
    "words",
    [["--limit", "-1"], ["--limit", "x"], ["--limit", "٣"], ["--expiring", "1.5"], ["--json", "--forget-all"]],
    ids=" ".join,
)
def test_flags_that_make_no_sense_are_refused(history, command, words):
    history.remember(ENTRY)
    code, out, _ = command(*words)
    assert (code, out) == (2, "")
    assert history.find(now=NOW) == [ENTRY]


def test_an_empty_forget_beside_another_action_is_refused_too(history, command):
    assert command("--json", "--forget", "")[:2] == (2, "")
