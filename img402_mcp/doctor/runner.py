"""All checks at once, each within its time: none that hangs or breaks hides the others."""

from collections.abc import Mapping
from pathlib import Path

import anyio

from img402_mcp.client.http import sending
from img402_mcp.client.settings.names import APIS
from img402_mcp.doctor import agents, folders, money, network, runtime, variables
from img402_mcp.doctor.finding import Check, CheckContext, Findings, fail

WITHIN = 10.0
"""Seconds for each check."""

CHECKS: dict[str, Check] = {
    "settings": variables.settings,
    "variables": variables.variables,
    "folders": folders.allowed,
    "state": folders.state,
    "history": folders.history,
    "journal": folders.journal,
    "api": network.api,
    "clock": network.clock,
    "proxy": network.proxy,
    "wallet": money.wallet,
    "budget": money.budget,
    "rpc": network.node,
    **{api.name: network.other(api) for api in APIS},
    "python": runtime.python,
    "fit": runtime.fit,
    "server": runtime.server,
    "agents": agents.agents,
}


async def run_checks(
    environ: Mapping[str, str],
    home: Path,
    here: Path,
    checks: Mapping[str, Check] = CHECKS,
    within: float = WITHIN,
) -> dict[str, Findings]:
    """What each check found, in the order of the table; empty where another check reports it."""
    settings, sentences = variables.read(environ)
    found: dict[str, Findings] = {name: [] for name in checks}

    async def run(name: str, check: Check) -> None:
        found[name] = await _run_check(check, context, within)

    async with sending(answer_timeout=within * 0.8) as send, anyio.create_task_group() as tasks:
        context = CheckContext(environ, settings, variables.broken(environ, sentences), send, home, here)
        for name, check in checks.items():
            tasks.start_soon(run, name, check)
    return found


async def _run_check(check: Check, context: CheckContext, within: float) -> Findings:
    try:
        with anyio.fail_after(within):
            return await check(context)
    except TimeoutError:
        return [
            fail(
                f"It did not end within {within:g} s.",
                "Try again when this machine is less busy; then look at the disk and the network.",
            )
        ]
    except Exception as error:  # noqa: BLE001  # a check that breaks must not hide what the others found
        return [fail(f"The check itself failed ({type(error).__name__}).", "Please report it.")]
