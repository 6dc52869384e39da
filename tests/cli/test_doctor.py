"""`img402-mcp doctor`: a line for each finding, and at the end one that says what they come to."""

import json

import click
import pytest

from img402_mcp.cli import main
from img402_mcp.cli.doctor import lines
from img402_mcp.doctor.finding import fail, ok, unset, warn
from tests.fakes.api import Api
from tests.fakes.serving import on_a_socket


@pytest.mark.parametrize(
    ("findings", "last"),
    [
        pytest.param([ok("can be opened")], "All is well.", id="well"),
        pytest.param([unset("no wallet is set")], "All is well.", id="unset"),
        pytest.param([fail("broken"), ok("fine"), fail("gone", "Put it back.")], "2 to fix", id="two"),
        pytest.param([warn("odd", "Look.")], "1 to look at", id="warning"),
        pytest.param([warn("odd", "Look."), fail("broken")], "1 to fix, 1 to look at", id="both"),
    ],
)
def test_the_last_line_says_what_the_findings_come_to(findings, last):
    *_, said = lines([("check", each) for each in findings], verbose=False)
    assert said == last


def test_each_finding_is_a_line_and_what_is_unset_is_shown_only_with_verbose():
    findings = [("api", ok("answers")), ("wallet", unset("no wallet is set")), ("state", fail("is full.", "Empty it."))]
    shown = ["ok    api    answers", "fail  state  is full. Fix: Empty it.", "1 to fix"]
    assert [click.unstyle(line) for line in lines(findings, verbose=False)] == shown
    assert [click.unstyle(line) for line in lines(findings, verbose=True)] == [
        "ok    api     answers",
        "ok    wallet  no wallet is set",
        "fail  state   is full. Fix: Empty it.",
        "1 to fix",
    ]


@pytest.fixture
def well(monkeypatch, tmp_path):
    """A machine on which everything is set up."""
    (tmp_path / "shots").mkdir()
    with on_a_socket(Api(stated={"formats": ["image/png"], "free": {"maxBytes": 1_000_000, "days": 7}}).answer) as url:
        for name in ("XDG_CONFIG_HOME", "APPDATA", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("IMG402_API_URL", url)
        monkeypatch.setenv("IMG402_ALLOW_DIRS", str(tmp_path / "shots"))
        monkeypatch.setenv("IMG402_STATE_DIR", str(tmp_path / "state"))
        monkeypatch.chdir(tmp_path)
        yield


def test_a_machine_that_is_set_up_gets_one_good_word(well, capsys):
    code = main.run(["doctor"])
    output = capsys.readouterr()
    assert (code, output.err) == (0, "")
    assert output.out.splitlines()[-1] == "All is well."
    assert not {"wallet", "rpc", "io42", "studio"} & {line.split()[1] for line in output.out.splitlines()[:-1]}
    assert "\x1b" not in output.out


def test_json_holds_what_is_unset_too_and_no_last_line(well, capsys, monkeypatch):
    monkeypatch.setenv("IMG402_API_URL", "x")  # and so the check that takes longest, of the server, has nothing to do
    assert main.run(["doctor", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert findings[0] == {
        "check": "settings",
        "level": "fail",
        "said": 'IMG402_API_URL "x" is not an http(s) address, such as https://img402.dev.',
        "fix": "",
    }
    assert {"check": "wallet", "level": "ok", "said": "no wallet is set", "fix": ""} in findings
    assert {each["check"] for each in findings} >= {"settings", "folders", "python", "fit", "agents"}
