"""`img402-mcp host admin`: what the operator sets, and how the endpoints follow it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from img402_mcp.cli import main
from img402_mcp.errors import SettingsError
from tests.fakes.fixtures import Sample

Admin = Callable[..., Any]


@pytest.fixture
def admin(data: Path, capsys: pytest.CaptureFixture[str]) -> Admin:
    """`admin("agents", "add", "bot")`: what it prints with --json."""

    def run(*words: str) -> Any:
        assert main.run(["host", "admin", *words, "--data", str(data), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_everything_that_is_added_is_listed(admin: Admin):
    key = admin("agents", "add", "bot")["key"]
    token = admin("tokens", "add", "app", "--capability", "none")["token"]
    admin("projects", "add", "logos", "--fee", "0.250")
    admin("submissions", "add", "sub_1", "--project", "logos", "--agent", "bot")
    (agent,), (project,), (submission,), (listed,) = (
        admin(thing, "list") for thing in ("agents", "projects", "submissions", "tokens")
    )
    made = project.pop("created_at")
    assert (agent["agent"], set(agent)) == ("bot", {"agent", "created_at"})
    assert project == {"project": "logos", "fee": "0.25", "status": "open", "kind": "image"}
    assert made[-1] == "Z"
    assert {name: value for name, value in submission.items() if value and name != "created_at"} == {
        "submission": "sub_1",
        "project": "logos",
        "agent": "bot",
    }
    assert (listed["name"], listed["may_upload"]) == ("app", False)
    assert (key[:5], len(key), token[:7], len(token)) == ("io42_", 45, "studio_", 47)


@pytest.mark.parametrize(
    "words",
    [
        ("agents", "renew", "\udcff"),
        ("tokens", "remove", "\udcff"),
        ("projects", "set", "\udcff", "--fee", "1"),
        ("submissions", "add", "sub_1", "--project", "logos", "--agent", "\udcff"),
        ("submissions", "release", "\udcff", "--unpaid"),
        ("submissions", "release", "sub_1", "--paid", "\udcff"),
    ],
    ids=" ".join,
)
def test_an_argument_that_is_no_text_is_refused_in_a_sentence(admin: Admin, words: tuple[str, ...]):
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        admin(*words)


def test_a_credential_is_shown_once_and_its_hash_is_kept(admin: Admin, data: Path):
    credentials = [admin("agents", "add", "bot")["key"], admin("tokens", "add", "app")["token"]]
    stored = b"".join(path.read_bytes() for path in data.glob("index.sqlite*"))
    listed = json.dumps([admin("agents", "list"), admin("tokens", "list")])
    assert [secret for secret in credentials if secret.encode() in stored or secret in listed] == []


def test_only_the_named_fields_of_a_project_change(admin: Admin):
    admin("projects", "add", "logos", "--fee", "1")
    changed = admin("projects", "set", "logos", "--status", "judging")
    assert (changed["fee"], changed["status"], changed["kind"]) == ("1", "judging", "image")


async def test_a_renewed_key_replaces_the_old_one(admin: Admin, client: AsyncClient):
    path, old = "/api/agents/projects/p/submissions/s", admin("agents", "add", "bot")["key"]
    new = admin("agents", "renew", "bot")["key"]
    answers = [await client.post(path, headers={"Authorization": f"Bearer {key}"}) for key in (old, new)]
    assert [answer.status_code for answer in answers] == [401, 404]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param("agents add bot", 'There is an agent "bot" already; nothing was changed.', id="twice"),
        pytest.param("projects add logos", 'There is a project "logos" already; nothing was changed.', id="project"),
        pytest.param("projects add a/b", 'The id is "a/b"; give 1 to 64 of A-Z, a-z, 0-9, _ and -.', id="no-id"),
        pytest.param(
            "projects add p --fee 1e3", 'The fee is "1e3"; give an amount of USDC such as 0.25, or 0.', id="no-fee"
        ),
        pytest.param(
            "projects add p --status Closed!",
            'The status or kind is "Closed!"; give one lower-case word, such as open or image.',
            id="no-word",
        ),
        pytest.param(
            "projects set p --fee 1",
            'There is no project "p"; `img402-mcp host admin projects list` lists them.',
            id="unknown-project",
        ),
        pytest.param(
            "projects set logos", "Nothing to change was given: use --fee, --status or --kind.", id="no-change"
        ),
        pytest.param(
            "submissions add s --project logos --agent nobody",
            'There is no agent "nobody"; `img402-mcp host admin agents list` lists them.',
            id="unknown-agent",
        ),
        pytest.param(
            "submissions add s --project p --agent bot",
            'There is no project "p"; `img402-mcp host admin projects list` lists them.',
            id="unknown-project-of-a-submission",
        ),
        pytest.param(
            "tokens remove app",
            'There is no token "app"; `img402-mcp host admin tokens list` lists them.',
            id="unknown-token",
        ),
    ],
)
def test_a_mistake_is_explained_and_changes_nothing(admin: Admin, words: str, sentence: str):
    admin("agents", "add", "bot")
    admin("projects", "add", "logos")
    with pytest.raises(SettingsError) as refused:
        admin(*words.split())
    assert str(refused.value) == sentence
    assert [len(admin(thing, "list")) for thing in ("agents", "projects", "submissions")] == [1, 1, 0]


def test_without_json_it_prints_lines_and_says_that_the_key_is_shown_once(
    data: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["host", "--data", str(data), "admin"]
    assert main.run([*words, "agents", "add", "bot"]) == 0
    added = capsys.readouterr()
    assert main.run([*words, "agents", "list"]) == 0
    listed = capsys.readouterr()
    assert added.out.startswith("agent=bot  key=io42_")
    assert added.err == "It is shown only once; the host keeps only its hash.\n"
    assert (listed.out.startswith("agent=bot  created_at=20"), listed.err) == (True, "")


def test_a_database_that_cannot_be_opened_is_explained_in_a_sentence(admin: Admin, data: Path):
    admin("agents", "list")
    (data / "index.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(SettingsError, match=r"^The host cannot open its data \(blobs in .*Check --data, IMG402_HOST_"):
        admin("agents", "list")


async def test_each_deletion_is_reported_even_where_others_fail(
    client: AsyncClient, data: Path, sample: Sample, capsys: pytest.CaptureFixture[str]
):
    answers = [(await client.post("/api/free", files={"image": sample("plain.png")})).json() for _ in range(2)]
    one, two = (f"{it['id']}.png" for it in answers)
    (data / "blobs" / "kept" / one).unlink()
    (data / "blobs" / "kept" / one).mkdir()  # cannot be unlinked
    code = main.run(["host", "admin", "images", "delete", one, two, "--data", str(data), "--json"])
    left = {"fault": "its bytes could not be removed now", "way_out": "nothing: the host removes it within the hour"}
    assert (code, json.loads(capsys.readouterr().out)) == (
        1,
        [{"image": one, "deleted": True, **left}, {"image": two, "deleted": True}],
    )
    assert [(await client.get(it["url"])).status_code for it in answers] == [404, 404]
