"""The unit tests of the rooms that Windows matters to, run there. What needs POSIX is marked with its reason."""

import re

import pytest

from tests.interop.windows.build import CHECKOUT
from tests.interop.windows.machine import Machine

SECONDS = 7000
OPTIONS = ["-q", "-p", "no:cacheprovider", "--basetemp", r"C:\tests", "--timeout", "1800"]
ROOMS = {
    "tests/agents": 200,
    "tests/cli/test_install.py": 12,
    "tests/client/files": 540,
    "tests/client/test_history.py": 20,
    "tests/client/test_private_files.py": 4,
    "tests/client/payments": 150,
    "tests/client/fit/test_subprocess.py": 25,
    "tests/client/fit/test_strategy.py": 3,
    "tests/client/publish": 450,
    "tests/cli/test_upload.py": 45,
    "tests/cli/test_progress_bar.py": 6,
    "tests/cli/test_shell_words.py": 25,
    "tests/cli/test_publish.py": 5,
    "tests/cli/test_history.py": 15,
}
"""Each with the fewest tests that must have passed there."""


@pytest.mark.parametrize(("room", "fewest"), ROOMS.items(), ids=ROOMS)
def test_what_can_run_there_passes(machine: Machine, room: str, fewest: int):
    command = ["-B", "-X", "utf8", "-m", "pytest", *OPTIONS, room]
    done = machine.run(*command, module=False, here=CHECKOUT, seconds=SECONDS)
    said = done.stdout.decode(errors="replace")
    passed = re.search(r"(\d+) passed", said)
    assert (done.returncode, passed is not None and int(passed[1]) >= fewest) == (0, True), said[-5000:]
