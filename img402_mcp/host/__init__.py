"""The other wing: the same API hosted by oneself. Of ours it sees wire, formats and errors only."""
