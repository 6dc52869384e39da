import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

import anyio

from img402_mcp.doctor.finding import Findings
from img402_mcp.doctor.runner import run_checks

SUMMARY = "Look for what is set up wrong and say the fix; ends with 1 where something cannot work. Sends no image."


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def run(flags: argparse.Namespace) -> int:
    found = anyio.run(run_checks, dict(os.environ), Path.home(), _here())
    if flags.json:
        print(
            json.dumps(
                [{"check": name} | asdict(each) for name, several in found.items() for each in several], indent=2
            )
        )
    else:
        _print(found)
    return int(any(each.level == "fail" for several in found.values() for each in several))


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return Path.home()


def _print(found: dict[str, Findings]) -> None:
    wide = max(map(len, found))
    for name, several in found.items():
        for each in several:
            print(f"{each.level:<4}  {name:<{wide}}  {each.said}{f' Fix: {each.fix}' if each.fix else ''}")
