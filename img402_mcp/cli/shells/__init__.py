"""Completion scripts, one shell each: `script(places) -> text`. What they offer is read from the parser itself."""
