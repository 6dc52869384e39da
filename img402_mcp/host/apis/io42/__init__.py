"""The io42 submissions API."""
