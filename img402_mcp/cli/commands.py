"""The commands for earlier uploads (renew, delete) and for the wallet. They are declared here for `main`."""

import click

from img402_mcp.cli.parameters import Command, Group, Whole, allow_dir, examples, files, perform


@click.command(
    cls=Command, epilog=examples("renew", "renew --expiring 14 --yes", "renew --yes --in README.md --in guide.md")
)
@click.option(
    "--expiring",
    type=Whole("a number of days", 1, 36_500),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="Only images that expire within this many days.",
)
@click.option("--yes", is_flag=True, help="Do it. Without it, only show what would be done.")
@click.option(
    "--in",
    "documents",
    multiple=True,
    metavar="FILE",
    shell_complete=files,
    help="A Markdown or HTML file in which the old URLs are replaced; repeatable.",
)
@click.argument("more", nargs=-1, metavar="[FILES]", shell_complete=files)
@allow_dir
def renew(documents: tuple[str, ...], more: tuple[str, ...], **flags: object) -> int:
    """Upload again what expires soon, for free.

    A file is uploaded again if it still has the same content. Nothing is ever paid. FILES are further documents, like
    --in. The exit code is 1 if something that expires was not renewed.
    """
    if more and not documents:
        click.get_current_context().fail(f"{more[0]} is not expected here. Give documents after --in.")
    return perform("renew", {**flags, "documents": [*documents, *more]})


@click.command(cls=Command, epilog=examples("delete https://img.example/abc.png", "delete shot.png --yes"))
@click.argument("what", metavar="URL|PATH", shell_complete=files)
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(**flags: object) -> int:
    """Delete an image from a host of your own.

    URL is the image's, PATH the file that was uploaded. It uses the delete URL that the history keeps.
    """
    return perform("delete", flags)


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
    return perform("wallet", flags, "import_key")


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
    help="Confirm that you checked the wallet's transfers, and it was not charged.",
)
def resolve(**flags: object) -> int:
    """Close a payment that can no longer be charged.

    A new one may follow. NONCE is what `wallet status` shows.
    """
    return perform("wallet", flags, "resolve")
