import argparse

SUMMARY = "Show the whole way of an image on this machine, without any account or network."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(flags: argparse.Namespace) -> int:  # noqa: ARG001  # every command is called alike
    from img402_mcp.demo import main  # noqa: PLC0415  # an MCP client and a browser, for this command alone

    return main()
