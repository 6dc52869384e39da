"""Repairs for images that viewers show although they break the format: the same pixels, in a valid stream."""
