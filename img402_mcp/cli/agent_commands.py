"""The commands that put the server into an agent, and take it out. They are declared here for `main`."""

import click

from img402_mcp.agents.table import CLIENTS, why_unknown
from img402_mcp.cli.parameters import Command, allow_dir, examples, perform


class _Client(click.Choice[str]):
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if (client := value.lower()) not in CLIENTS:
            self.fail(why_unknown(value), param, ctx)
        return client


_clients = click.argument("clients", nargs=-1, type=_Client([*CLIENTS]), metavar="[CLIENT]...")
_project = click.option("--project", is_flag=True, help="The file of this folder's project: cursor and vscode.")
_dry_run = click.option("--dry-run", is_flag=True, help="Show what would be changed. Nothing is written or run.")
_yes = click.option("--yes", is_flag=True, help="Do not ask. Needed without a terminal.")
_NAMES = ", ".join(CLIENTS)


@click.command(
    cls=Command,
    epilog=examples("install", "install cursor --allow-dir ~/shots", "install codex --yes", "install --dry-run"),
    help=f"""Put this server into an agent's configuration.

    CLIENT is one of {_NAMES}. Without it, the agents on this machine are listed. The change is shown before it is made,
    and a file that is changed has a backup next to it.
    """,
)
@_clients
@allow_dir
@click.option(
    "--env", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting of the server; repeatable. No secrets."
)
@_project
@_dry_run
@_yes
def install(**flags: object) -> int:
    return perform("install", {**flags, "action": "install"})


@click.command(
    cls=Command,
    epilog=examples("uninstall", "uninstall cursor --yes"),
    help=f"""Take this server out of an agent's configuration.

    CLIENT is one of {_NAMES}. Without it, the agents that have the server are listed. What else is in a file stays as
    it is.
    """,
)
@_clients
@_project
@_dry_run
@_yes
def uninstall(**flags: object) -> int:
    return perform("install", {**flags, "allow_dirs": (), "assignments": (), "action": "uninstall"})
