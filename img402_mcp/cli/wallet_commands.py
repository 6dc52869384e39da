import click

from img402_mcp.cli.help import Group, examples
from img402_mcp.cli.parameters import files, perform


@click.group(cls=Group, epilog=examples("wallet new ~/.config/wallet.json", "wallet status"))
def wallet() -> None:
    """Create or show the wallet, and manage its payments."""


keystore = click.argument("file", metavar="FILE", shell_complete=files)


@wallet.command()
@keystore
def new(**flags: object) -> int:
    """Make a key, encrypt it in FILE and print its address. FILE must not exist."""
    return perform("wallet", flags, "new")


@wallet.command("import")
@keystore
def import_key(**flags: object) -> int:
    """Encrypt an existing key in FILE and print its address. FILE must not exist."""
    return perform("wallet", flags, "import")


@wallet.command()
def address() -> int:
    """Print the wallet's address."""
    return perform("wallet", {}, "address")


@wallet.command()
@click.option(
    "--salvage",
    is_flag=True,
    help="If the journal is damaged, go on with the payments that can be read. The damaged file is kept.",
)
def status(**flags: object) -> int:
    """Print what was spent, what is left and which payments are open."""
    return perform("wallet", flags, "status")


@wallet.command()
def resume() -> int:
    """Send every unanswered proof again. Nothing new is signed."""
    return perform("wallet", {}, "resume")


@wallet.command()
@click.argument("nonce", metavar="NONCE")
@click.option(
    "--presume-unsettled",
    is_flag=True,
    help="You have looked at the wallet's transfers, and say that it was not charged.",
)
def resolve(**flags: object) -> int:
    """Close a payment that can no longer be charged.

    A new one may follow. NONCE is what `wallet status` shows.
    """
    return perform("wallet", flags, "resolve")
