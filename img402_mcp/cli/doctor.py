import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace as Flags

import anyio
import click

from img402_mcp.client.settings.folders import home_folder
from img402_mcp.doctor.finding import Finding
from img402_mcp.doctor.runner import run_checks

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def run(flags: Flags) -> int:
    found = anyio.run(run_checks, dict(os.environ), home_folder() or _here(), _here())
    findings = [(name, each) for name, several in found.items() for each in several]
    if flags.json:
        entries = [{"check": name, "level": each.level, "said": each.said, "fix": each.fix} for name, each in findings]
        print(json.dumps(entries, indent=2))
    else:
        click.echo("\n".join(lines(findings, verbose=flags.verbose)))
    return int(any(each.level == "fail" for _, each in findings))


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return Path(os.path.sep)


def lines(findings: Iterable[tuple[str, Finding]], *, verbose: bool) -> Iterator[str]:
    """One line for each finding, and a summary at the end."""
    shown = [(name, each) for name, each in findings if verbose or not each.is_unset]
    wide = max((len(name) for name, _ in shown), default=0)
    for name, each in shown:
        level = click.style(f"{each.level:<4}", fg=COLOURS[each.level])
        yield f"{level}  {name:<{wide}}  {each.said}{f' Fix: {each.fix}' if each.fix else ''}"
    levels = Counter(each.level for _, each in shown)
    counts = ((levels["fail"], "to fix"), (levels["warn"], "to look at"))
    yield ", ".join(f"{count} {what}" for count, what in counts if count) or "All is well."
