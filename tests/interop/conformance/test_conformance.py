"""The official conformance suite against the real server, at both revisions that matter.

Every check that does not succeed must be in baseline.toml with its reason, and no other may be. That is
stricter than the suite's own exit code, which leaves out what a revision runs without scoring.
"""

import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# So that a run that checked almost nothing does not pass.
LEAST_SUCCESSES = {"2025-11-25": 70, "2026-07-28": 150}

Node = Callable[..., subprocess.CompletedProcess[str]]
Running = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="module")
def server(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running([HERE / "server.py"], {"IMG402_STATE_DIR": str(tmp_path_factory.mktemp("state"))}) as url:
        yield url


@pytest.mark.parametrize("revision", LEAST_SUCCESSES)
def test_all_checks_pass_but_those_whose_failure_has_a_written_reason(
    revision: str, server: str, node: Node, conformance: Path, tmp_path: Path
) -> None:
    ran = node(conformance, "server", "--url", server, "--requirements", revision, "-o", tmp_path)

    checks = list(checks_in(tmp_path))
    failures = {name: check.get("errorMessage") for name, check in checks if check["status"] in {"FAILURE", "WARNING"}}
    assert set(failures) == expected_failures(revision), failures
    assert ran.returncode == 0
    assert sum(check["status"] == "SUCCESS" for _, check in checks) >= LEAST_SUCCESSES[revision]


def checks_in(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each check with its name `scenario:check`; the suite reports a scenario in a folder `server-SCENARIO-TIME`."""
    for report in folder.glob("*/checks.json"):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*", "", report.parent.name.removeprefix("server-"))
        for check in json.loads(report.read_bytes()):
            yield f"{scenario}:{check['id']}", check


def expected_failures(revision: str) -> set[str]:
    groups = tomllib.loads((HERE / "baseline.toml").read_text())[revision]
    assert all(group["reason"] for group in groups)
    return {check for group in groups for check in group["checks"]}
