"""GET of an image: one road, and one fast path."""
