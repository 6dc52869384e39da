"""The studio's upload API."""
