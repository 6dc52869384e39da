"""A path becomes an image: read safely, checked, and never anything but an image."""
