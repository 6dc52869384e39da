"""What `scripts/setup`, `demo` and `test` do. Windows has no sh, so there it is `py scripts\\run.py test`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".installed"
PYTEST = [str(PYTHON), "-m", "pytest", "-q"]
WORKERS = (os.cpu_count() or 1) + 1  # some tests wait rather than compute
LANES = {
    "": ["-m", "not interop", "-n", str(WORKERS), "--dist", "worksteal"],
    "--interop": ["-m", "interop and not frameworks and not packaging and not windows"],
    "--frameworks": ["-m", "frameworks"],
    "--packaging": ["-m", "packaging"],
    "--windows": ["-m", "windows"],
}
"""The fast lane, and what further flags stand for. `--interop` runs after the fast lane, the others alone."""


def setup() -> None:
    """Makes .venv and installs the package with everything its own commands need; nothing where that is up to date."""
    wanted = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
    if STAMP.exists() and all(file.stat().st_mtime <= STAMP.stat().st_mtime for file in wanted):
        return
    if sys.version_info < (3, 11):  # noqa: UP036  # an older one is told so
        sys.exit("Python 3.11 or newer is needed; name one by PYTHON=/path/to/python3")
    say(
        "Setting up: making .venv and installing the package with its tools. This takes half a minute to three minutes."
    )
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt"]
    subprocess.run([*pip, "-e", ".[host,dev]"], check=True, cwd=ROOT)
    STAMP.touch()
    say(f"Set up. The programs are in {PYTHON.parent.relative_to(ROOT)}.")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def demo(words: list[str]) -> int:
    return subprocess.call([str(PYTHON), "examples/demo.py", *words], cwd=ROOT)


def test(words: list[str]) -> int:
    """Words that are no lane go to pytest."""
    lane = words[0] if words[:1] and words[0] in LANES else ""
    rest = words[bool(lane) :]
    lanes = ["", lane] if lane == "--interop" else [lane]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each program that a test starts compiles all that it imports
    return next((code for each in lanes if (code := subprocess.call([*PYTEST, *LANES[each], *rest], cwd=ROOT))), 0)


def main() -> int:
    if sys.argv[1:2] not in (["setup"], ["demo"], ["test"]):
        sys.exit(
            "Usage: run.py setup | demo | test [--interop | --frameworks | --packaging | --windows] [words for pytest]"
        )
    setup()
    try:
        return {"setup": lambda _: 0, "demo": demo, "test": test}[sys.argv[1]](sys.argv[2:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
