"""The command line. Every command, argument and flag is declared with click, here or in a file that is added to
`main` here.

What a command does is in the file of its name: `run(flags)` gets the values and returns the exit code. That file is
imported when the command runs, so help, suggestions and completion cost little more than click itself.

To add a command, write a function here, whose docstring is its help; `cli/NAME.py` with `run(flags)`; and a row in
docs/commands.md. Without a command, `img402-mcp` serves MCP over stdio: see `__main__`.
"""

from collections.abc import Sequence
from functools import partial

import click

from img402_mcp import __version__
from img402_mcp.cli import agent_commands, commands, host_admin
from img402_mcp.cli.parameters import PROGRAM, Group, Whole, allow_dir, colour, examples, files, folders, perform, show
from img402_mcp.client.snippets import WIDEST


def run(arguments: Sequence[str]) -> int:
    """The exit code. Raises the command's errors."""
    try:
        with main.make_context(
            PROGRAM,
            [*arguments],
            color=colour(),
            help_option_names=["-h", "--help"],
            token_normalize_func=str.lower,
        ) as context:
            code: int = main.invoke(context)
            return code
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        show(error)
        return error.exit_code


def complete(instruction: str) -> int:
    """Answers a shell's completion."""
    from img402_mcp.cli import completion  # noqa: PLC0415  # only a shell needs it

    return completion.complete(main, instruction)


def demand_one(*names: str) -> None:
    """More than one of these flags is a usage error."""
    context = click.get_current_context()
    given = [name for name in names if context.params[name[2:].replace("-", "_")] not in {None, False}]
    if len(given) > 1:
        context.fail(f"{given[1]} cannot be used with {given[0]}. Give one of {', '.join(names)}.")


PORT = Whole("a port", 0, 65_535)


@click.group(
    cls=Group,
    epilog=examples("upload shot.png", "upload --help", "doctor"),
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
def main() -> None:
    """Turn a local image into a public URL. Without a command, serve MCP over stdio."""


as_json = partial(click.option, "--json", is_flag=True)


@main.command(epilog=examples("serve", "serve ~/shots", "serve --transport streamable-http --port 8402 ~/shots"))
@click.argument("folders", nargs=-1, metavar="[DIR]...", shell_complete=folders)
@click.option("--transport", type=click.Choice(["stdio", "streamable-http", "sse"]), default="stdio", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to bind in the HTTP modes.")
@click.option("--port", type=PORT, default=8402, show_default=True, metavar="N", help="0 picks a free one.")
@click.option("--allowed-host", "allowed_hosts", multiple=True, metavar="NAME", help="A Host header to accept.")
@click.option("--allowed-origin", "allowed_origins", multiple=True, metavar="ORIGIN", help="An Origin to accept.")
@click.option(
    "--token-file",
    metavar="FILE",
    shell_complete=files,
    help="The file with the bearer token. IMG402_SERVE_TOKEN can hold it instead.",
)
@allow_dir
def serve(**flags: object) -> int:
    """Serve MCP over stdio, Streamable HTTP or SSE.

    DIR is a folder whose images may be uploaded, as with --allow-dir.
    """
    return perform("serve", flags)


@main.command(
    epilog=examples(
        "upload shot.png",
        "upload --url shot.png | pbcopy",
        "upload 'shots/*.png' --pairs",
        "upload --paid large.png",
        "upload --clipboard --copy",
    )
)
@click.argument("paths", nargs=-1, metavar="PATH...", shell_complete=files)
@click.option("--clipboard", is_flag=True, help="Upload the picture on the clipboard, in place of PATH.")
@click.option("--copy", is_flag=True, help="Put what is printed on the clipboard, too.")
@click.option("--paid", is_flag=True, help="Pay from the wallet, once for each file.")
@click.option("--markdown", is_flag=True, help="Print ![name](URL), one a line. This is the default.")
@click.option("--url", is_flag=True, help="Print the bare URLs, one a line.")
@as_json(help="Print one JSON array, which includes what failed.")
@click.option("--pairs", is_flag=True, help="Print a table of two columns, before and after.")
@click.option(
    "--width",
    type=Whole("a width in CSS pixels", 1, WIDEST),
    default=0,
    metavar="N",
    help="Print <img> of that width in CSS pixels.",
)
@click.option("--no-fit", is_flag=True, help="Send each file unchanged, even if it is over the API's limit.")
@click.option("--fresh", is_flag=True, help="Upload again what was uploaded before. For free uploads only.")
@click.option("--keep/--no-keep", default=None, help="Make it small enough to be kept longest. For free uploads only.")
@allow_dir
def upload(**flags: object) -> int:
    """Upload images and print their markdown, one a line.

    PATH is an image, a quoted pattern such as 'shots/**/*.png', or - for an image on stdin. The exit code is 1 if an
    image failed.
    """
    if not (flags["paths"] or flags["clipboard"]):
        click.get_current_context().fail("Missing argument 'PATH...'.")
    demand_one("--markdown", "--url", "--json", "--pairs")
    return perform("upload", flags)


@main.command(epilog=examples("publish README.md > published.md", "publish notes.md --out notes.md --overwrite"))
@click.argument("path", metavar="PATH", shell_complete=files)
@click.option(
    "--out",
    default="",
    metavar="FILE",
    shell_complete=files,
    help="Write the document there; nothing else is printed.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be uploaded. Nothing is sent or written.")
@click.option("--overwrite", is_flag=True, help="FILE may exist, and may be PATH itself.")
@click.option("--no-keep", is_flag=True, help="Do not make images smaller so that they are kept longest.")
@as_json(help="Print what was done, and the document, as one JSON object.")
@allow_dir
def publish(**flags: object) -> int:
    """Upload a document's local images and print it with their URLs.

    PATH is a Markdown or HTML document. The exit code is 1 if an image failed or FILE could not be written.
    """
    return perform("publish", flags)


@main.command(epilog=examples("history", "history login --limit 5", "history --expiring 3", "history --forget login"))
@click.argument("query", default="", metavar="[QUERY]")
@click.option(
    "--expiring",
    type=Whole("a number of days", 0, 999_999),
    default=0,
    metavar="DAYS",
    help="Only images that expire within this many days.",
)
@click.option(
    "--limit",
    type=Whole("a number of uploads", 0, 999_999_999),
    default=50,
    show_default=True,
    metavar="N",
    help="How many to show at most. 0 shows all.",
)
@as_json(help="Print one JSON array.")
@click.option("--forget", metavar="QUERY", help="Forget what QUERY finds. The images stay where they are.")
@click.option("--forget-all", is_flag=True, help="Forget every upload. The images stay where they are.")
def history(**flags: object) -> int:
    """Show what was uploaded, the newest first, or forget it.

    QUERY is a part of the path, URL or id, in any case, or the file itself. The exit code is 1 if nothing was found.
    """
    demand_one("--json", "--forget", "--forget-all")
    return perform("history", flags)


@main.command(epilog=examples("allow ~/shots", "allow --list", "allow --remove ~/shots"))
@click.argument("folder", required=False, metavar="[DIR]", shell_complete=folders)
@click.option("--list", is_flag=True, help="Print the folders that are allowed.")
@click.option("--remove", metavar="DIR", shell_complete=folders, help="Remove a folder from the list.")
def allow(**flags: object) -> int:
    """Allow a folder, so that agents may upload the images in it."""
    return perform("allow", flags)


@main.command(epilog=examples("doctor", "doctor --verbose"))
@click.option("--verbose", is_flag=True, help="Also show what is not set or not used.")
@as_json(help="Print one JSON array.")
def doctor(**flags: object) -> int:
    """Find mistakes in the setup and say how to fix them.

    It sends no image. The exit code is 1 if something cannot work.
    """
    return perform("doctor", flags)


@main.command(epilog=examples("price", "price https://img402.dev/api/upload/token"))
@click.argument("url", required=False, metavar="[URL]")
def price(**flags: object) -> int:
    """Print what an x402 address asks for, without paying.

    URL is asked with POST. Without it, the token route of IMG402_API_URL is asked.
    """
    return perform("price", flags)


@main.group(
    invoke_without_command=True,
    epilog=examples("host", "host --port 8080 --data /srv/images --public-url https://img.example"),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to bind.")
@click.option("--port", type=PORT, default=4020, show_default=True, metavar="N", help="0 picks a free one.")
@click.option("--data", metavar="DIR", shell_complete=folders, help="The folder for images and their index.")
@click.option("--public-url", metavar="URL", help="The address in the answers. Default: the bound one.")
@click.pass_context
def host(context: click.Context, /, **flags: object) -> int:
    """Host the img402 API on this machine."""
    context.obj = flags["data"]
    return 0 if context.invoked_subcommand else perform("host", flags)


host.add_command(host_admin.group())
main.add_command(agent_commands.install)
main.add_command(agent_commands.uninstall)
main.add_command(commands.renew)
main.add_command(commands.delete)
main.add_command(commands.wallet)


@main.command("completion", epilog=examples("completion zsh > ~/.zfunc/_img402-mcp", "completion fish | source"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def print_completion(shell: str) -> int:
    """Print the script that completes words in a shell.

    It completes commands, flags, their values and file names. The program must be in your PATH.
    """
    return complete(f"{shell}_source")
