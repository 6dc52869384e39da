"""The MCP server: the client wing as tools, over stdio and HTTP."""
