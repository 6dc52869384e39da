"""scripts/measure counts correctly, on a folder and on a revision."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent.parent / "scripts" / "measure"

FILES = {
    "__init__.py": "",
    "wire.py": "class Answer:\n    pass\n\n\nclass _Hidden:\n    pass\n",
    "client/__init__.py": "",
    "client/http.py": (
        "from img402_mcp.wire import Answer\n\n\n"
        "def ask():\n    def inner():\n        return Answer\n\n    return inner\n\n\n"
        'def told():\n    """One line is left."""\n    return 1\n'
    ),
    "client/upload.py": "from img402_mcp.client import http\n\n\nclass _Hidden:\n    pass\n",
    "host/__init__.py": "",
    "host/app.py": "def start():\n    import img402_mcp.host.rooms.one\n\n\nclass Answer:\n    pass\n",
    "host/rooms/__init__.py": "",
    "host/rooms/one.py": "from img402_mcp.host.rooms import two\n",
    "host/rooms/two.py": "from img402_mcp.host.app import start\nimport img402_mcp.host.app\n",
}
TABLE = """\
                          {}
files                     10
lines                     33
largest file              13 (client.http)
function body, median     1
function body, p90        4
circles between files     1
class names used twice    1
arrows between top rooms  1
arrows within host/       2
arrows within client/     1
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "img402_mcp" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def measure(*words: str, program: Path = PROGRAM) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, program, *words], capture_output=True, text=True, check=False)


def test_a_folder_is_counted(package: Path):
    assert measure(str(package)).stdout == TABLE.format(package)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_revision_is_counted_as_it_was(package: Path):
    program = Path(shutil.copytree(PROGRAM.parent, package / "scripts"), "measure")
    for words in ("init -q", "add img402_mcp", "-c user.name=a -c user.email=a@b commit -q -m one"):
        subprocess.run(["git", "-C", package, *words.split()], check=True)
    (package / "img402_mcp" / "wire.py").write_text("A = 1\n", encoding="utf-8")
    assert measure("HEAD", program=program).stdout == TABLE.format("HEAD")
    assert "lines                     28\n" in measure(program=program).stdout


def test_an_argument_that_is_neither_is_refused(tmp_path: Path):
    ended = measure(str(tmp_path / "nothing"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "is not a folder with img402_mcp in it, and git says: " in ended.stderr
