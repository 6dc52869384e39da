"""The commands for earlier uploads: renew and delete. They are declared here for `main`."""

import click

from img402_mcp.cli.help import Command, examples
from img402_mcp.cli.parameters import Whole, allow_dir, files, perform


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
