"""What differs on macOS, as far as it can be made here: spellings that are one folder, and privacy's denials.

A mount in a namespace of its own makes one folder appear under two names, and both are the same file to the system.
Privacy's EPERM comes from a system call filter (tests/fakes/privacy.py). Nothing of this was run on macOS itself.
"""

import json
import subprocess
import sys

import pytest

from tests.fakes.posix import PROCESSES

pytestmark = PROCESSES
PRIVACY = "may not be read by img402-mcp; on macOS allow its app under Privacy & Security, Files and Folders"
PERSON = "A person can write it with `img402-mcp publish --out`."
MOUNTING = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNTING, "sh"]
ASKED = """
import json, sys
from pathlib import Path
from img402_mcp.client.files.documents import place_for, read_document
from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import expanded
from img402_mcp.errors import ReadRefused
root, other = map(Path, sys.argv[1:])
roots = Roots.resolve([root])
document = read_document(str(other / "a.md"), roots)

def out(name):
    try:
        return str(place_for(str(other / name), document, roots, overwrite=True, by_tool=True))
    except ReadRefused as refused:
        return str(refused).partition(" ")[2]

print(json.dumps({
    "image": str(read_image(str(other / "a.png"), roots, limit=10**6).path),
    "pattern": expanded([str(other / "*.png")], roots).paths,
    "outside": len(expanded([str(other.parent / "secret" / "*.png")], roots).refused),
    "copy": out("b.md"),
    "instructions": out("CLAUDE.md"),
    "hidden": out(".x/b.md"),
}))
"""


@pytest.mark.parametrize(
    ("name", "other"),
    [
        pytest.param("Shots", "SHOTS", id="case"),
        pytest.param("Caf\u00e9", "Cafe\u0301", id="normal-form"),
        pytest.param("Stra\u00dfe", "STRASSE", id="case-that-folds-to-two-letters"),
    ],
)
def test_an_allowed_folder_in_another_spelling_is_allowed_and_its_names_are_judged(tmp_path, sample, name, other):
    here = tmp_path.resolve()
    for folder in (name, other, "secret", f"{name}/.x"):
        (here / folder).mkdir()
    (here / name / "a.md").write_text("x")
    (here / name / "a.png").write_bytes(sample("plain.png"))
    (here / "secret" / "a.png").write_bytes(sample("plain.png"))
    folders = [str(here / name), str(here / other)]
    done = subprocess.run(
        [*IN_A_NAMESPACE, *folders, sys.executable, "-c", ASKED, *folders],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no mount in a namespace of its own can be made here")
    assert (done.stderr, json.loads(done.stdout)) == (
        "",
        {
            "image": str(here / name / "a.png"),
            "pattern": [str(here / name / "a.png")],
            "outside": 1,
            "copy": str(here / name / "b.md"),
            "instructions": "has the name of a file that agents take instructions from, which no tool writes: "
            f'"CLAUDE.md". {PERSON}',
            "hidden": f'holds a hidden name, which no tool writes: ".x". {PERSON}',
        },
    )


DENIED = """
import json, sys
from pathlib import Path
import anyio
from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import expanded
from img402_mcp.doctor.runner import CHECKS, run_checks
from img402_mcp.errors import ReadRefused
from tests.fakes.privacy import deny
folder = Path(sys.argv[1])
roots = Roots.resolve([folder / "Desktop"])

def read(path):
    try:
        return len(read_image(str(path), roots, limit=10**6).data)
    except ReadRefused as refused:
        return str(refused)

async def found():
    environ = {"IMG402_ALLOW_DIRS": str(folder / "Desktop"), "IMG402_STATE_DIR": str(folder / "state")}
    checks = {"folders": CHECKS["folders"]}
    return [each.said for each in (await run_checks(environ, folder / "home", folder, checks))["folders"]]

def said():
    return {
        "read": read(folder / "Desktop" / "a.png"),
        "missing": read(folder / "Desktop" / "none.png"),
        "pattern": [str(error) for _, error in expanded([str(folder / "Desktop" / "*.png")], roots).refused],
        "below": [str(error) for _, error in expanded([str(folder / "Desktop" / "**" / "*.png")], roots).refused],
        "outside": read(folder / "secret" / "a.png"),
        "doctor": anyio.run(found),
    }

before = said()
deny()
print(json.dumps([before, said()]))
"""


def test_what_privacy_denies_inside_the_roots_is_named_and_outside_nothing_is_told(tmp_path, sample):
    here = tmp_path.resolve()
    for folder in ("Desktop", "secret", "home"):
        (here / folder).mkdir()
        (here / folder / "a.png").write_bytes(sample("plain.png"))
    done = subprocess.run(
        [sys.executable, "-c", DENIED, str(here)], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.stderr == ""
    before, denied = json.loads(done.stdout)
    desktop = here / "Desktop"
    outside = f'"{here / "secret" / "a.png"}" is not inside an allowed folder. Allowed folders: "{desktop}".'
    assert before == {
        "read": len(sample("plain.png")),
        "missing": f'"{desktop / "none.png"}" does not exist.',
        "pattern": [],
        "below": [],
        "outside": outside,
        "doctor": [f'"{desktop}" (named by IMG402_ALLOW_DIRS) may be read'],
    }
    assert denied == {
        "read": f'"{desktop / "a.png"}" {PRIVACY}.',
        "missing": f'"{desktop / "none.png"}" does not exist.',
        "pattern": [f'"{desktop / "*.png"}" matches no file that can be seen: a folder {PRIVACY}.'],
        "below": [f'"{desktop / "**" / "*.png"}" matches no file that can be seen: a folder {PRIVACY}.'],
        "outside": outside,
        "doctor": [f'"{desktop}" (named by IMG402_ALLOW_DIRS) {PRIVACY}.'],
    }
