"""A local image becomes a public URL: an MCP server for img402, and the same API to host oneself."""

__version__ = "0.1.0"
