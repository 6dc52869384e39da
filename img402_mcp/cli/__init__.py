"""The command line: `main` declares it, and the file of each command's name does the work."""

COMPLETION = "_IMG402_MCP_COMPLETE"
"""The variable by which a shell asks for completion."""
