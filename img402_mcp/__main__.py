"""`img402-mcp` and `python -m img402_mcp`."""

import gc
import sys


def main() -> None:
    # What is imported lives as long as the process: collecting it again and again makes a fifth of the start-up time.
    gc.disable()
    from img402_mcp.cli import run  # noqa: PLC0415  # after the line above

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
