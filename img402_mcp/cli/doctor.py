import json
import os
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace as Flags

import anyio

from img402_mcp.client.settings.folders import home_folder
from img402_mcp.doctor.finding import Findings
from img402_mcp.doctor.runner import run_checks


def run(flags: Flags) -> int:
    found = anyio.run(run_checks, dict(os.environ), home_folder() or _here(), _here())
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
        return Path(os.path.sep)


def _print(found: dict[str, Findings]) -> None:
    wide = max(map(len, found))
    for name, several in found.items():
        for each in several:
            print(f"{each.level:<4}  {name:<{wide}}  {each.said}{f' Fix: {each.fix}' if each.fix else ''}")
