"""Names of environment variables: a misspelt one is recognised, and other programs' variables are left alone."""

import ast
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from img402_mcp.client.settings.names import CLIENT_VARIABLES
from img402_mcp.errors import SettingsError
from img402_mcp.host.settings.names import HOST_VARIABLES
from img402_mcp.variable_names import VariableNames
from tests.sources import tree_of

PACKAGE = Path(__file__).parent.parent / "img402_mcp"
NAMES = VariableNames(
    "IMG402_",
    frozenset({"IMG402_SCRUB", "IMG402_DAILY_BUDGET", "IMG402_STATE_DIR", "IMG402_SERVE_TOKEN", "IMG402_STUDIO_TOKEN"}),
    renamed={"IMG402_LEDGER": "IMG402_STATE_DIR"},
    others=("IMG402_HOST_",),
)


def read_in(*folders: str) -> set[str]:
    """The names that are string literals in the code, as in `environ.get("IMG402_SCRUB")`."""
    files = [path for folder in folders for path in (PACKAGE / folder).rglob("*.py") if path.stem != "names"]
    nodes = [node for path in files for node in ast.walk(tree_of(path))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if text.startswith("IMG402_") and text.isidentifier() and text[-1] != "_"}


def test_the_clients_list_is_what_its_code_reads():
    names = read_in("client", "mcp_server", "cli", "doctor")
    assert CLIENT_VARIABLES.known == {name for name in names if not name.startswith(HOST_VARIABLES.prefix)}


def test_the_hosts_list_is_what_its_code_reads():
    assert HOST_VARIABLES.known == {name for name in read_in("host") if name.startswith(HOST_VARIABLES.prefix)}


def test_neither_wing_judges_the_names_that_the_other_reads():
    assert CLIENT_VARIABLES.check(dict.fromkeys(HOST_VARIABLES.known, "x")) == ()
    assert HOST_VARIABLES.check(dict.fromkeys(CLIENT_VARIABLES.known, "x")) == ()


def misspelt(name: str, prefix: str) -> Iterator[str]:
    """The name with one letter missing, doubled, swapped with the next, or replaced."""
    start = len(prefix)
    for at in range(start, len(name)):
        before, letter, after = name[:at], name[at], name[at + 1 :]
        yield before + after
        yield before + letter + letter + after
        yield f"{before}X{after}"
        yield before + after[:1] + letter + after[1:]


@pytest.mark.parametrize(
    "names", [pytest.param(CLIENT_VARIABLES, id="client"), pytest.param(HOST_VARIABLES, id="host")]
)
def test_every_wrong_letter_in_every_name_is_recognised(names: VariableNames):
    wrong = {each for name in names.known for each in misspelt(name, names.prefix)} - names.known
    assert {name for name in wrong if not names.meant(name)} == set()
    assert [*names.unread(dict.fromkeys(wrong, "x"))] == sorted(wrong)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("IMG402_SRCUB", "IMG402_SCRUB", id="swapped"),
        pytest.param("img402_scrub", "IMG402_SCRUB", id="lower-case"),
        pytest.param("IMG402SCRUB", "IMG402_SCRUB", id="no-underscore"),
        pytest.param("IMG402-SCRUB", "IMG402_SCRUB", id="hyphen"),
        pytest.param("IMG_402_SCRUB", "IMG402_SCRUB", id="underscore-too-many"),
        pytest.param("IMG42_SCRUB", "IMG402_SCRUB", id="prefix"),
        pytest.param("IMG4O2_SCRUB", "IMG402_SCRUB", id="letter-for-zero"),
        pytest.param("IMG402_SCRUB_EXIF", "IMG402_SCRUB", id="word-too-many"),
        pytest.param("IMG402_BUDGET", "IMG402_DAILY_BUDGET", id="word-missing"),
        pytest.param("IMG402_BUDGET_DAILY", "IMG402_DAILY_BUDGET", id="other-order"),
        pytest.param("IMG402_TOKEN", "IMG402_SERVE_TOKEN or IMG402_STUDIO_TOKEN", id="two-that-may-be-meant"),
        pytest.param("IMG402_LEGDER", "IMG402_STATE_DIR", id="old-name-misspelt"),
    ],
)
def test_a_near_miss_names_what_was_meant(name: str, meant: str):
    with pytest.raises(SettingsError) as refused:
        NAMES.check({name: "a secret"})
    why = "is not a variable of img402-mcp, so it has no effect"
    assert str(refused.value) == f'"{name}" {why}: did you mean {meant}?'


def test_an_old_name_names_the_new_one():
    with pytest.raises(SettingsError) as refused:
        NAMES.check({"IMG402_LEDGER": "off"})
    assert str(refused.value) == '"IMG402_LEDGER" was renamed, so it has no effect: did you mean IMG402_STATE_DIR?'


@pytest.mark.parametrize(
    "name",
    [
        "IMG402_VERSION",
        "IMG402_LOG_LEVEL",
        # What Kubernetes sets for a service with the name img402.
        "IMG402_SERVICE_HOST",
        "IMG402_SERVICE_PORT_HTTP",
        "IMG402_PORT",
        "IMG402_PORT_4020_TCP_PROTO",
    ],
)
def test_an_unknown_name_that_resembles_none_is_only_a_warning(name: str, caplog: pytest.LogCaptureFixture):
    assert NAMES.check({name: "a secret"}) == (name,)
    assert caplog.record_tuples == [
        ("img402_mcp.settings", logging.WARNING, f'"{name}" is not a variable of img402-mcp, so it has no effect.')
    ]


def test_known_names_alone_do_not_cost_the_time_to_load_difflib():
    environ = {"IMG402_SCRUB": "off", "IMG402_QQQQ": "", "IMG402_HOST_DATA": "/x", "IMGPROXY_KEY": "x"}
    program = f"""
import sys
from img402_mcp.client.settings.read import client_settings
client_settings({environ})
print("difflib" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"IMG402_SCRUB": "off"}, id="known"),
        pytest.param({"IMG402_SRCUB": ""}, id="empty-is-unset"),
        pytest.param({"IMG402_HOST_SCRUB": "off"}, id="of-another-program"),
        pytest.param({"img402_host_scrub": "off"}, id="of-another-program-in-lower-case"),
        pytest.param({"IMG402_TEST_STATE_DIR": "/x"}, id="of-our-tests"),
        pytest.param({"IMGPROXY_SCRUB": "x", "IMG_SCRUB": "x", "IMG": "x", "SCRUB": "x"}, id="foreign"),
    ],
)
def test_other_programs_variables_are_left_alone(environ: dict[str, str], caplog: pytest.LogCaptureFixture):
    assert NAMES.check(environ) == ()
    assert caplog.record_tuples == []


def test_a_name_that_only_begins_like_another_programs_is_checked():
    assert VariableNames("IMG402_", frozenset({"IMG402_HISTORY"}), others=("IMG402_HOST_",)).meant("IMG402_HOSTORY")


def test_many_unknown_names_make_a_short_message(caplog: pytest.LogCaptureFixture):
    NAMES.check({f"IMG402_Q{number}": "x" for number in range(1000)} | {"IMG402_Z" + "0a" * 64: "x"})
    (message,) = caplog.messages
    assert message == (
        '"IMG402_Q0", "IMG402_Q1", "IMG402_Q10", "IMG402_Q100", "IMG402_Q101" and 996 more are not variables of '
        "img402-mcp, so they have no effect."
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("IMG402_HOST_FREE_DIALY", "FREE_DAILY", id="swapped"),
        pytest.param("IMG402_HOTS_FREE_DAILY", "FREE_DAILY", id="in-its-prefix"),
        pytest.param("IMG402_HOSTFREE_DAILY", "FREE_DAILY", id="no-underscore"),
        pytest.param("IMG402_FREE_DAILY", "FREE_DAILY", id="without-HOST"),
        pytest.param("img402_host_free_daily", "FREE_DAILY", id="lower-case"),
        pytest.param("IMG402_HOST_DATABASE_URL", "DATABASE", id="word-too-many"),
    ],
)
def test_the_hosts_near_misses_are_recognised(name: str, meant: str):
    with pytest.raises(SettingsError, match=rf"did you mean IMG402_HOST_{meant}\?$"):
        HOST_VARIABLES.check({name: "x"})


@pytest.mark.parametrize("name", ["IMG402_HOST_SERVICE_HOST", "IMG402_HOST_PORT_4020_TCP_ADDR", "IMG402_HOST_PORT"])
def test_what_kubernetes_sets_for_a_service_img402_host_stops_no_host(name: str):
    assert HOST_VARIABLES.check({name: "x"}) == (name,)
