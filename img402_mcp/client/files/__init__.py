"""From a path to an image: it is read safely, checked, and always an image."""
