"""How long commands that only talk take, from their start to their end, against importing click alone."""

import os
import subprocess
import sys
from pathlib import Path

import anyio

from benchmarks.measuring import Way, medians, show, verdict
from img402_mcp.cli import COMPLETION

GOAL = 3.0
ROUNDS = 31
PROGRAM = str(Path(sys.executable).with_name("img402-mcp"))
ASKED = {COMPLETION: "bash_complete", "COMP_WORDS": "img402-mcp upload --", "COMP_CWORD": "2"}
COMMANDS: dict[str, tuple[list[str], dict[str, str]]] = {
    "--version": (["--version"], {}),
    "--help": (["--help"], {}),
    "upload --help": (["upload", "--help"], {}),
    "host admin --help": (["host", "admin", "--help"], {}),
    "completion zsh": (["completion", "zsh"], {}),
    "upload --<TAB>": ([], ASKED),
}


def running(*words: str, environ: dict[str, str] | None = None) -> Way:
    async def run() -> None:
        whole = os.environ | (environ or {})
        subprocess.run(words, env=whole, stdout=subprocess.DEVNULL, check=True)  # noqa: ASYNC221  # it runs alone

    return run


async def main() -> None:
    ways = (running(PROGRAM, *words, environ=environ) for words, environ in COMMANDS.values())
    click, *ours = await medians(ROUNDS, running(sys.executable, "-c", "import click"), *ways)
    show(
        f"Commands from start to end, median of {ROUNDS} interleaved runs",
        ("", "ms", "ratio", "goal", ""),
        [
            ('python -c "import click"', f"{click:.0f}", "1.00", "", ""),
            *(
                (
                    f"img402-mcp {name}",
                    f"{took:.0f}",
                    f"{took / click:.2f}",
                    f"<= {GOAL:g}",
                    verdict(took / click, GOAL),
                )
                for name, took in zip(COMMANDS, ours, strict=True)
            ),
        ],
    )


if __name__ == "__main__":
    anyio.run(main)
