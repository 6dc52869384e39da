"""The history: what was uploaded is found, reused while it lives, and forgotten without a trace."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img402_mcp.client.history import History, HistoryEntry, expiring_before
from img402_mcp.errors import SettingsError
from tests.fakes.folders import in_memory
from tests.fakes.history import DAY, ENTRY, NOW
from tests.fakes.posix import LINKS, MODES, WORDS

REMEMBERING = Path(__file__).with_name("remembering.py")
ASKED = (ENTRY.api, "free", ENTRY.source, "scrub fit")


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with in_memory() as folder:
        yield folder


@pytest.fixture
def history(state_dir: Path) -> Iterator[History]:
    opened = History.open(state_dir, NOW)
    yield opened
    opened.close()


def remembered(history: History, *entries: HistoryEntry) -> None:
    for entry in entries:
        history.remember(entry)


def named(*names: str) -> list[HistoryEntry]:
    return [
        replace(ENTRY, path=f"/shots/{name}", url=f"https://i.example/{n}", id=f"{n}") for n, name in enumerate(names)
    ]


def test_an_upload_is_remembered_in_full_and_across_a_restart(history, state_dir):
    paid = replace(ENTRY, price=10_000, terms="paid", expires_at=None)
    unknown = replace(ENTRY, expires_at=None, expiry_known=False)
    remembered(history, ENTRY, paid, unknown)
    with closing(History.open(state_dir, NOW)) as again:
        assert again.find(now=NOW) == history.find(now=NOW) == [unknown, paid, ENTRY]


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        pytest.param({}, NOW, id="living"),
        pytest.param({"expires_at": None}, NOW + 5000 * DAY, id="for-good"),
        pytest.param({"expires_at": NOW + 601}, NOW, id="eleven-minutes-left"),
    ],
)
def test_the_same_upload_is_reused_while_its_url_lives(history, changes, now):
    entry = replace(ENTRY, **changes)
    remembered(history, entry)
    assert history.reusable(*ASKED, now) == entry


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"expires_at": NOW + 600}, id="ten-minutes-left"),
        pytest.param({"expires_at": NOW - 1}, id="expired"),
        pytest.param({"expires_at": None, "expiry_known": False}, id="expiry-unknown"),
        pytest.param({"api": "https://other.example"}, id="another-api"),
        pytest.param({"terms": "paid"}, id="other-terms"),
        pytest.param({"source": "cc" * 32}, id="another-file"),
        pytest.param({"preparation": "scrub"}, id="prepared-otherwise"),
        pytest.param({"gone": True}, id="gone"),
    ],
)
def test_nothing_else_is_reused(history, changes):
    remembered(history, replace(ENTRY, **changes))
    assert history.reusable(*ASKED, NOW) is None


def test_the_newest_upload_is_reused_and_a_deleted_one_never(history):
    first, second, third = (replace(ENTRY, url=f"https://i.example/{name}") for name in "abc")
    remembered(history, first, second)
    newest = history.reusable(*ASKED, NOW)
    history.gone(second.url)
    before = history.reusable(*ASKED, NOW)
    history.gone(first.url)
    nothing = history.reusable(*ASKED, NOW)
    remembered(history, third)
    assert (newest, before, nothing, history.reusable(*ASKED, NOW)) == (second, first, None, third)
    assert history.find(now=NOW) == [third, replace(second, gone=True), replace(first, gone=True)]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="nothing"),
        pytest.param("  ", id="blank"),
        pytest.param("login page", id="part-of-the-path-in-another-case"),
        pytest.param("i.example/xy", id="part-of-the-url"),
        pytest.param("XY12", id="id"),
        pytest.param("/home/ann/../ann/shots/Login Page.png", marks=WORDS, id="the-file-itself"),
    ],
)
def test_an_upload_is_found_by_its_path_url_or_id(history, query):
    remembered(history, ENTRY)
    assert (history.find(query, now=NOW), history.count(query, now=NOW)) == ([ENTRY], 1)


@pytest.mark.parametrize(
    "query", ["nothing", "%", "_", "Login_Page", "*", "\0", "\udcff", "aa" * 32, "~no such user/x", "lossless"]
)
def test_other_queries_find_nothing(history, query):
    remembered(history, ENTRY)
    assert (history.find(query, now=NOW), history.count(query, now=NOW)) == ([], 0)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        pytest.param("U\u0308bersicht.png", "übersicht", id="macos-umlaut"),
        pytest.param("ÜBERSICHT.png", "u\u0308bersicht", id="the-other-way-around"),
        pytest.param("Screenshot 2026 at 1.23.45\u202fPM.png", "1.23.45 pm", id="macos-narrow-space"),
        pytest.param("a\udcffb.png", "a\udcffb", id="no-utf-8"),
    ],
)
def test_the_spelling_of_a_name_does_not_matter(history, name, query):
    remembered(history, *named("other.png", name))
    assert [entry.id for entry in history.find(query, now=NOW)] == ["1"]


@LINKS
def test_a_file_is_found_by_its_relative_path_and_through_a_link(history, tmp_path, monkeypatch):
    folder = tmp_path.resolve() / "shots"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    entry = replace(ENTRY, path=str(folder / "a.png"))
    remembered(history, ENTRY, entry)
    assert history.find("./a.png", now=NOW) == history.find(f"{tmp_path}/link/a.png", now=NOW) == [entry]


ODD = st.text("ab%_\\*?[]'\" \0", min_size=1)


@given(names=st.lists(ODD, max_size=5), query=ODD.filter(str.strip))
def test_a_query_is_literal_text_and_not_a_pattern(names, query):
    entries = named(*names)
    with in_memory() as folder, closing(History.open(folder, NOW)) as history:
        remembered(history, *entries)
        wanted = [entry for entry in entries if query.strip() in entry.path or query.strip() in entry.url]
        assert history.find(query, now=NOW) == wanted[::-1]
        assert history.forget(query) == len(wanted)
        assert history.count(now=NOW) == len(entries) - len(wanted)


def test_uploads_that_expire_soon_are_found_soonest_first(history):
    days = [3, 1, 8, -1, None, 2]
    entries = [replace(ENTRY, id=f"{n}", expires_at=n and NOW + n * DAY) for n in days]
    remembered(history, *entries, replace(ENTRY, id="gone", expires_at=NOW + DAY, gone=True))
    until = expiring_before(NOW, 7)
    assert [entry.id for entry in history.find("", until, now=NOW)] == ["1", "2", "3"]
    assert [entry.id for entry in history.find("i.example", until, now=NOW, limit=1)] == ["1"]
    assert (history.count("", until, now=NOW), history.count("nothing", until, now=NOW)) == (3, 0)


@pytest.mark.parametrize(
    ("days", "until"), [(-1, None), (0, None), (2, NOW + 2 * DAY), (10**400, NOW + 36_500 * DAY)], ids=str
)
def test_any_number_of_days_is_a_time(days, until):
    assert expiring_before(NOW, days) == until


def test_the_limit_is_kept_and_all_matches_are_counted(history):
    remembered(history, *named(*"abcd"))
    assert [entry.path for entry in history.find(now=NOW, limit=2)] == ["/shots/d", "/shots/c"]
    assert len(history.find(now=NOW, limit=-1)) == history.count(now=NOW) == 4


def test_a_forgotten_upload_leaves_no_trace_in_the_folder(history, state_dir):
    remembered(history, *named("secret plan.png", "shot.png"))
    written = traces(state_dir, b"secret plan")
    assert (history.forget("secret"), [entry.path for entry in history.find(now=NOW)]) == (1, ["/shots/shot.png"])
    assert (written, traces(state_dir, b"secret plan")) == (True, False)
    assert (history.forget_all(), history.forget_all(), history.find(now=NOW)) == (1, 0, [])


def traces(folder: Path, words: bytes) -> bool:
    return any(words in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("query", ["", " ", "\u202f\t"])
def test_an_empty_query_forgets_nothing(history, query):
    remembered(history, ENTRY)
    assert (history.forget(query), history.find(now=NOW)) == (0, [ENTRY])


@MODES
def test_the_files_are_readable_only_by_their_owner(history, state_dir):
    remembered(history, ENTRY)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state_dir.rglob("*")}
    assert modes == {"ledger": 0o700, "ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


@MODES
def test_a_folder_that_others_could_read_is_made_private(state_dir):
    folder = state_dir / "ledger"
    folder.mkdir(mode=0o755)
    with closing(History.open(state_dir)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_delete_url_is_kept_only_for_reuse_and_forgotten_with_it(history, state_dir):
    undo = "https://api.example/delete/Xy12.webp?key=canary"
    history.remember(replace(ENTRY, delete_url=undo))
    reusable = history.reusable(*ASKED, NOW)
    assert (reusable.delete_url, history.delete_url(ENTRY.url), history.delete_url("https://x")) == (undo, undo, "")
    assert [entry.delete_url for entry in history.find(now=NOW)] == [""]
    assert "canary" not in repr(reusable)
    history.forget("Login")
    assert history.delete_url(ENTRY.url) == ""
    assert b"canary" not in b"".join(path.read_bytes() for path in (state_dir / "ledger").iterdir())


def test_a_history_of_a_newer_version_is_refused(history, state_dir):
    with closing(sqlite3.connect(state_dir / "ledger" / "ledger.db")) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(SettingsError, match=r"ledger.db was written by a newer img402-mcp; run that version, or name "):
        History.open(state_dir)


def test_a_damaged_history_is_refused_with_the_ways_out(state_dir):
    (state_dir / "ledger").mkdir()
    (state_dir / "ledger" / "ledger.db").write_bytes(b"no database " * 1000)
    with pytest.raises(SettingsError) as refused:
        History.open(state_dir)
    assert str(refused.value) == (
        f"The history of uploads {state_dir / 'ledger' / 'ledger.db'} could not be opened (file is not a database). "
        "Make the folder writable, move the file away if it is damaged, name another folder with IMG402_STATE_DIR, or "
        "do without: IMG402_HISTORY=off."
    )


@pytest.mark.parametrize("content", ["", "CREATE TABLE uploads (url)"], ids=["empty", "foreign"])
def test_another_database_in_its_place_is_refused(state_dir, content):
    (state_dir / "ledger").mkdir()
    with closing(sqlite3.connect(state_dir / "ledger" / "ledger.db")) as other:
        other.executescript(f"PRAGMA journal_mode = WAL; {content}")
    with pytest.raises(SettingsError, match=r"could not be opened \(no such"):
        History.open(state_dir)


def test_a_folder_that_cannot_be_made_is_refused(state_dir):
    (state_dir / "ledger").write_bytes(b"a file")
    with pytest.raises(
        SettingsError, match="could not be opened .*(File exists|already exists|Path not found|cannot find)"
    ):
        History.open(state_dir)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        pytest.param(
            lambda history: history.remember(replace(ENTRY, size_bytes=10**19)), "too large", id="huge-number"
        ),
        pytest.param(lambda history: (history.close(), history.find(now=NOW)), "closed database", id="closed"),
    ],
)
def test_every_failure_is_one_kind_of_error(history, what, reason):
    with pytest.raises(SettingsError, match=f"^The history of uploads could not be read or written .*{reason}"):
        what(history)


def test_images_that_expired_long_ago_are_dropped_at_the_next_start(history, state_dir):
    remembered(history, *(replace(ENTRY, id=f"{n}", expires_at=n and NOW + n * DAY) for n in (-91, -89, None)))
    with closing(History.open(state_dir, NOW)) as again:
        assert [entry.id for entry in again.find(now=NOW)] == ["None", "-89"]


def test_only_the_newest_hundred_thousand_uploads_are_kept(history, state_dir):
    remembered(history, *named(*"abc"))
    with closing(sqlite3.connect(state_dir / "ledger" / "ledger.db")) as other, other:
        other.execute("UPDATE uploads SET serial = 100002 WHERE id = '2'")
    with closing(History.open(state_dir, NOW)) as again:
        assert [entry.id for entry in again.find(now=NOW)] == ["2"]
        again.remember(ENTRY)
        assert again.find(now=NOW)[0] == ENTRY


def test_many_can_open_a_new_history_at_once(state_dir):
    barrier = Barrier(8)

    def open_and_remember(number: int) -> None:
        barrier.wait()
        with closing(History.open(state_dir, NOW)) as history:
            history.remember(replace(ENTRY, id=f"{number}"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(open_and_remember, range(8)))
    with closing(History.open(state_dir, NOW)) as history:
        assert {entry.id for entry in history.find(now=NOW)} == {*"01234567"}
    assert [path.name for path in (state_dir / "ledger").iterdir()] == ["ledger.db"]


def test_processes_that_open_a_new_history_at_once_lose_nothing(state_dir):
    program = [sys.executable, str(REMEMBERING), str(state_dir), "200"]
    processes = [
        subprocess.Popen([*program, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=30)
    with closing(History.open(state_dir)) as history:
        found = {entry.id for entry in history.find(now=NOW, limit=-1)}
    assert [process.returncode for process in processes] == [0, 0]
    assert found == {f"{name}{number}" for name in "ab" for number in range(200)}
