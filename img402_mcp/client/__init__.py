"""The client wing: a path becomes a URL."""
