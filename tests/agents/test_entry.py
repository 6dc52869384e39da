"""What our entry says."""

import os
from pathlib import Path

import pytest

from img402_mcp.agents.entry import Entry, difference, environment, suggested_folders
from img402_mcp.errors import SettingsError
from tests.fakes.posix import NAMES


def test_without_folders_and_settings_there_are_no_variables():
    assert environment([], []) == {}
    assert Entry(("/a", "-m", "b")).as_json() == {"command": "/a", "args": ["-m", "b"]}


def test_folders_and_settings_become_variables(tmp_path):
    folders = [tmp_path / "a b", tmp_path / "ü"]
    for folder in folders:
        folder.mkdir()
    assert environment([*map(str, folders)], ["IMG402_API_URL=http://127.0.0.1:4020", "IMG402_KEEP=on"]) == {
        "IMG402_API_URL": "http://127.0.0.1:4020",
        "IMG402_KEEP": "on",
        "IMG402_ALLOW_DIRS": os.pathsep.join(map(str, folders)),
    }


def test_a_relative_folder_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "shots").mkdir()
    monkeypatch.chdir(tmp_path)
    assert environment(["shots"], []) == {"IMG402_ALLOW_DIRS": str(tmp_path / "shots")}


@pytest.mark.parametrize(
    "name",
    [
        "IMG402_WALLET_KEY",
        "IMG402_WALLET_PASSWORD",
        "IMG402_IO42_KEY",
        "IMG402_STUDIO_TOKEN",
        "IMG402_SERVE_TOKEN",
        "img402_wallet_key",
        "AWS_SECRET_ACCESS_KEY",
        "IMG402_API_KEY",
    ],
)
def test_a_secret_is_refused_and_the_other_way_is_named(name):
    with pytest.raises(SettingsError, match="IMG402_WALLET_FILE") as caught:
        environment([], [f"{name}=sk-hush"])
    assert "sk-hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        pytest.param("IMG402_API_ULR=x", "did you mean IMG402_API_URL?", id="misspelt"),
        pytest.param("PATH=/x", "not a variable", id="of-others"),
        pytest.param("IMG402_API_URL", "NAME=VALUE", id="no-value"),
        pytest.param("", "NAME=VALUE", id="empty"),
        pytest.param("IMG402_API_URL=ftp://x", "IMG402_API_URL", id="unusable"),
        pytest.param("IMG402_KEEP=perhaps", "IMG402_KEEP", id="no-switch"),
        pytest.param("IMG402_ALLOW_DIRS=/", "is a whole disk", id="folder"),
        pytest.param("IMG402_ALLOW_DIRS=gone", "does not exist", id="no-folder"),
        pytest.param("IMG402_WALLET_PASSWORD_FILE=sk-hush", "does not name a file", id="no-file"),
        pytest.param("IMG402_WALLET_FILE=" + "sk-hush" * 999, "does not name a file", id="no-path"),
        pytest.param("IMG402_RPC_URL=https://you:sk-hush@rpc.example", "holds a secret", id="user"),
        pytest.param("IMG402_RPC_URL=https://rpc.example/?key=sk-hush", "holds a secret", id="query"),
        pytest.param("IMG402_RPC_URL=https://rpc.example/v3/sk-hush012345678", "holds a secret", id="path"),
    ],
)
def test_a_setting_that_the_server_would_refuse_is_refused(assignment, said):
    with pytest.raises(SettingsError) as caught:
        environment([], [assignment])
    assert said in str(caught.value)
    assert "sk-hush" not in str(caught.value)


def test_paths_in_settings_become_absolute_since_the_agent_starts_the_server_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shots").mkdir()
    for name in ("wallet.json", "password"):
        (tmp_path / name).write_text("x")
    relative = {
        "IMG402_ALLOW_DIRS": "shots",
        "IMG402_STATE_DIR": "state",
        "IMG402_WALLET_FILE": "wallet.json",
        "IMG402_WALLET_PASSWORD_FILE": "password",
    }
    found = environment([], [f"{name}={value}" for name, value in relative.items()])
    assert found == {name: str(tmp_path / value) for name, value in relative.items()}


@pytest.mark.parametrize("path", ["", "/", "/base", "/base/v2/8453", "/ethereum-sepolia-public"])
def test_a_public_address_is_no_secret(path):
    url = f"https://0.public-node-rpc.base-sepolia.example{path}"
    assert environment([], [f"IMG402_RPC_URL={url}"]) == {"IMG402_RPC_URL": url}


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        pytest.param("gone", "does not exist", id="gone"),
        pytest.param("/", "is a whole disk", id="disk"),
        pytest.param(".ssh", "is hidden", id="hidden"),
        pytest.param("file.txt", "is not a folder", id="file"),
        pytest.param("", "names an empty folder", id="empty"),
    ],
)
def test_a_folder_that_cannot_be_allowed_is_refused(tmp_path, monkeypatch, folder, said):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "file.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        environment([folder], [])
    assert said in str(caught.value)


@NAMES
@pytest.mark.parametrize("name", ["a:b", "${HOME}", "%TEMP%", "$x"])
def test_a_folder_that_the_variable_cannot_hold_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(SettingsError, match="IMG402_ALLOW_DIRS"):
        environment([str(tmp_path / name)], [])


def test_folders_that_exist_are_suggested(tmp_path: Path):
    for name in ("Desktop", "Pictures/Screenshots", "OneDrive/Shots", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    assert (
        suggested_folders(tmp_path, tmp_path / "Pictures" / "Screenshots")[0] == tmp_path / "Pictures" / "Screenshots"
    )
    assert suggested_folders(tmp_path, tmp_path / ".hidden") == suggested_folders(tmp_path, None)
    assert suggested_folders(tmp_path, tmp_path / "OneDrive" / "Shots") == [
        tmp_path / "OneDrive" / "Shots",
        tmp_path / "Pictures" / "Screenshots",
        tmp_path / "Pictures",
        tmp_path / "Desktop",
    ]


@pytest.mark.timeout(20)
def test_an_entry_of_any_size_is_shown_in_a_bounded_time():
    there = {"env": {f"NAME_{number}": "x" * 1000 for number in range(20_000)}, "\u2028\x85": 1}
    lines = difference(there, {**there, "command": "/opt/img402-mcp"}, {"command": "/opt/img402-mcp"})
    assert (len(lines) <= 400, sum(map(len, lines)) < 20_000) == (True, True)
