"""The operator's work on images: `host admin images`."""
