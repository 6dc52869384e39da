"""The ledger: what was uploaded is found, reused while it lives, and forgotten without a trace."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img402_mcp.client.history import Entry, Ledger, expiring_before
from img402_mcp.errors import SettingsError

REMEMBERING = Path(__file__).with_name("remembering.py")
NOW = 1_790_000_000.0
DAY = 86_400
API = "https://api.example"
ENTRY = Entry(
    at=NOW,
    path="/home/ann/shots/Login Page.png",
    source="aa" * 32,
    sent="bb" * 32,
    url="https://i.example/Xy12.webp",
    id="Xy12",
    api=API,
    terms="free",
    preparation="scrub fit",
    content_type="image/webp",
    size_bytes=700_000,
    width=1280,
    height=800,
    expires_at=NOW + 7 * DAY,
    expiry_known=True,
    price=0,
    done="png 3.1 MB -> webp 0.7 MB, lossless",
)
ASKED = (API, "free", ENTRY.source, "scrub fit")


@contextmanager
def in_memory() -> Iterator[Path]:
    """Where that can be had: nothing here needs to wait for a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with in_memory() as folder:
        yield folder


@pytest.fixture
def ledger(state_dir: Path) -> Iterator[Ledger]:
    opened = Ledger.open(state_dir, NOW)
    yield opened
    opened.close()


def remembered(ledger: Ledger, *entries: Entry) -> None:
    for entry in entries:
        ledger.remember(entry)


def named(*names: str) -> list[Entry]:
    return [
        replace(ENTRY, path=f"/shots/{name}", url=f"https://i.example/{n}", id=f"{n}") for n, name in enumerate(names)
    ]


def test_an_upload_is_remembered_whole_and_over_a_restart(ledger, state_dir):
    paid = replace(ENTRY, price=10_000, terms="paid", expires_at=None)
    unknown = replace(ENTRY, expires_at=None, expiry_known=False)
    remembered(ledger, ENTRY, paid, unknown)
    with closing(Ledger.open(state_dir, NOW)) as again:
        assert again.find(now=NOW) == ledger.find(now=NOW) == [unknown, paid, ENTRY]


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        pytest.param({}, NOW, id="living"),
        pytest.param({"expires_at": None}, NOW + 5000 * DAY, id="for-good"),
        pytest.param({"expires_at": NOW + 601}, NOW, id="eleven-minutes-left"),
    ],
)
def test_the_same_upload_is_reused_while_its_url_lives(ledger, changes, now):
    entry = replace(ENTRY, **changes)
    remembered(ledger, entry)
    assert ledger.reusable(*ASKED, now) == entry


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
def test_nothing_else_is_reused(ledger, changes):
    remembered(ledger, replace(ENTRY, **changes))
    assert ledger.reusable(*ASKED, NOW) is None


def test_of_several_the_newest_is_reused_and_one_that_is_gone_never_again(ledger):
    first, second, third = (replace(ENTRY, url=f"https://i.example/{name}") for name in "abc")
    remembered(ledger, first, second)
    newest = ledger.reusable(*ASKED, NOW)
    ledger.gone(second.url)
    before = ledger.reusable(*ASKED, NOW)
    ledger.gone(first.url)
    nothing = ledger.reusable(*ASKED, NOW)
    remembered(ledger, third)
    assert (newest, before, nothing, ledger.reusable(*ASKED, NOW)) == (second, first, None, third)
    assert ledger.find(now=NOW) == [third, replace(second, gone=True), replace(first, gone=True)]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="nothing"),
        pytest.param("  ", id="blank"),
        pytest.param("login page", id="part-of-the-path-in-another-case"),
        pytest.param("i.example/xy", id="part-of-the-url"),
        pytest.param("XY12", id="id"),
        pytest.param("/home/ann/../ann/shots/Login Page.png", id="the-file-itself"),
    ],
)
def test_an_upload_is_found_by_its_path_url_or_id(ledger, query):
    remembered(ledger, ENTRY)
    assert (ledger.find(query, now=NOW), ledger.count(query, now=NOW)) == ([ENTRY], 1)


@pytest.mark.parametrize(
    "query", ["nothing", "%", "_", "Login_Page", "*", "\0", "\udcff", "aa" * 32, "~no such user/x", "lossless"]
)
def test_what_is_not_in_them_is_not_found(ledger, query):
    remembered(ledger, ENTRY)
    assert (ledger.find(query, now=NOW), ledger.count(query, now=NOW)) == ([], 0)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        pytest.param("U\u0308bersicht.png", "übersicht", id="macos-umlaut"),
        pytest.param("ÜBERSICHT.png", "u\u0308bersicht", id="the-other-way-around"),
        pytest.param("Screenshot 2026 at 1.23.45\u202fPM.png", "1.23.45 pm", id="macos-narrow-space"),
        pytest.param("a\udcffb.png", "a\udcffb", id="no-utf-8"),
    ],
)
def test_the_spelling_of_a_name_does_not_matter(ledger, name, query):
    remembered(ledger, *named("other.png", name))
    assert [entry.id for entry in ledger.find(query, now=NOW)] == ["1"]


def test_a_file_is_found_by_its_relative_path_and_through_a_link(ledger, tmp_path, monkeypatch):
    folder = tmp_path.resolve() / "shots"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    entry = replace(ENTRY, path=str(folder / "a.png"))
    remembered(ledger, ENTRY, entry)
    assert ledger.find("./a.png", now=NOW) == ledger.find(f"{tmp_path}/link/a.png", now=NOW) == [entry]


ODD = st.text("ab%_\\*?[]'\" \0", min_size=1)


@given(names=st.lists(ODD, max_size=5), query=ODD.filter(str.strip))
def test_a_query_is_what_it_says_and_no_pattern(names, query):
    entries = named(*names)
    with in_memory() as folder, closing(Ledger.open(folder, NOW)) as ledger:
        remembered(ledger, *entries)
        wanted = [entry for entry in entries if query.strip() in entry.path or query.strip() in entry.url]
        assert ledger.find(query, now=NOW) == wanted[::-1]
        assert ledger.forget(query) == len(wanted)
        assert ledger.count(now=NOW) == len(entries) - len(wanted)


def test_what_expires_soon_is_found_the_soonest_first(ledger):
    days = [3, 1, 8, -1, None, 2]
    entries = [replace(ENTRY, id=f"{n}", expires_at=n and NOW + n * DAY) for n in days]
    remembered(ledger, *entries, replace(ENTRY, id="gone", expires_at=NOW + DAY, gone=True))
    until = expiring_before(NOW, 7)
    assert [entry.id for entry in ledger.find("", until, now=NOW)] == ["1", "2", "3"]
    assert [entry.id for entry in ledger.find("i.example", until, now=NOW, limit=1)] == ["1"]
    assert (ledger.count("", until, now=NOW), ledger.count("nothing", until, now=NOW)) == (3, 0)


@pytest.mark.parametrize(
    ("days", "until"), [(-1, None), (0, None), (2, NOW + 2 * DAY), (10**400, NOW + 36_500 * DAY)], ids=str
)
def test_any_number_of_days_is_a_time(days, until):
    assert expiring_before(NOW, days) == until


def test_at_most_as_many_as_are_asked_for_are_found_and_all_are_counted(ledger):
    remembered(ledger, *named(*"abcd"))
    assert [entry.path for entry in ledger.find(now=NOW, limit=2)] == ["/shots/d", "/shots/c"]
    assert len(ledger.find(now=NOW, limit=-1)) == ledger.count(now=NOW) == 4


def test_what_is_forgotten_leaves_no_trace_in_the_folder(ledger, state_dir):
    remembered(ledger, *named("secret plan.png", "shot.png"))
    written = traces(state_dir, b"secret plan")
    assert (ledger.forget("secret"), [entry.path for entry in ledger.find(now=NOW)]) == (1, ["/shots/shot.png"])
    assert (written, traces(state_dir, b"secret plan")) == (True, False)
    assert (ledger.forget_all(), ledger.forget_all(), ledger.find(now=NOW)) == (1, 0, [])


def traces(folder: Path, words: bytes) -> bool:
    return any(words in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("query", ["", " ", "\u202f\t"])
def test_an_empty_query_forgets_nothing(ledger, query):
    remembered(ledger, ENTRY)
    assert (ledger.forget(query), ledger.find(now=NOW)) == (0, [ENTRY])


def test_the_files_are_for_their_owner_alone(ledger, state_dir):
    remembered(ledger, ENTRY)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state_dir.rglob("*")}
    assert modes == {"ledger": 0o700, "ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


def test_a_folder_that_others_could_read_is_closed_to_them(state_dir):
    folder = state_dir / "ledger"
    folder.mkdir(mode=0o755)
    with closing(Ledger.open(state_dir)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_ledger_of_a_newer_version_is_refused(ledger, state_dir):
    with closing(sqlite3.connect(state_dir / "ledger" / "ledger.db")) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(SettingsError, match=r"ledger.db was written by a newer img402-mcp; run that version, or name "):
        Ledger.open(state_dir)


def test_a_damaged_ledger_is_refused_with_the_ways_out(state_dir):
    (state_dir / "ledger").mkdir()
    (state_dir / "ledger" / "ledger.db").write_bytes(b"no database " * 1000)
    with pytest.raises(SettingsError) as refused:
        Ledger.open(state_dir)
    assert str(refused.value) == (
        f"The ledger of uploads {state_dir}/ledger/ledger.db could not be opened (file is not a database). Make the "
        "folder writable, move the file away if it is damaged, name another folder with IMG402_STATE_DIR, or do "
        "without: IMG402_LEDGER=off."
    )


@pytest.mark.parametrize("content", ["", "CREATE TABLE uploads (url)"], ids=["empty", "foreign"])
def test_another_database_in_its_place_is_refused(state_dir, content):
    (state_dir / "ledger").mkdir()
    with closing(sqlite3.connect(state_dir / "ledger" / "ledger.db")) as other:
        other.executescript(f"PRAGMA journal_mode = WAL; {content}")
    with pytest.raises(SettingsError, match=r"could not be opened \(no such"):
        Ledger.open(state_dir)


def test_a_folder_that_cannot_be_made_is_refused(state_dir):
    (state_dir / "ledger").write_bytes(b"a file")
    with pytest.raises(SettingsError, match="could not be opened .*File exists"):
        Ledger.open(state_dir)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        pytest.param(lambda ledger: ledger.remember(replace(ENTRY, size_bytes=10**19)), "too large", id="huge-number"),
        pytest.param(lambda ledger: (ledger.close(), ledger.find(now=NOW)), "closed database", id="closed"),
    ],
)
def test_whatever_fails_is_one_kind_of_error_that_the_corridor_can_catch(ledger, what, reason):
    with pytest.raises(SettingsError, match=f"^The ledger of uploads could not be read or written .*{reason}"):
        what(ledger)


def test_images_that_expired_long_ago_are_dropped_at_the_next_start(ledger, state_dir):
    remembered(ledger, *(replace(ENTRY, id=f"{n}", expires_at=n and NOW + n * DAY) for n in (-91, -89, None)))
    with closing(Ledger.open(state_dir, NOW)) as again:
        assert [entry.id for entry in again.find(now=NOW)] == ["None", "-89"]


def test_of_very_many_uploads_the_newest_hundred_thousand_stay(ledger, state_dir):
    remembered(ledger, *named(*"abc"))
    with closing(sqlite3.connect(state_dir / "ledger" / "ledger.db")) as other, other:
        other.execute("UPDATE uploads SET serial = 100002 WHERE id = '2'")
    with closing(Ledger.open(state_dir, NOW)) as again:
        assert [entry.id for entry in again.find(now=NOW)] == ["2"]
        again.remember(ENTRY)
        assert again.find(now=NOW)[0] == ENTRY


def test_many_can_open_a_new_ledger_at_once(state_dir):
    barrier = Barrier(8)

    def open_and_remember(number: int) -> None:
        barrier.wait()
        with closing(Ledger.open(state_dir, NOW)) as ledger:
            ledger.remember(replace(ENTRY, id=f"{number}"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(open_and_remember, range(8)))
    with closing(Ledger.open(state_dir, NOW)) as ledger:
        assert {entry.id for entry in ledger.find(now=NOW)} == {*"01234567"}
    assert [path.name for path in (state_dir / "ledger").iterdir()] == ["ledger.db"]


def test_processes_that_open_a_new_ledger_at_once_lose_nothing(state_dir):
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
    with closing(Ledger.open(state_dir)) as ledger:
        found = {entry.id for entry in ledger.find(now=NOW, limit=-1)}
    assert [process.returncode for process in processes] == [0, 0]
    assert found == {f"{name}{number}" for name in "ab" for number in range(200)}
