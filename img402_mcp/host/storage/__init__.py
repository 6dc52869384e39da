"""From a request's body to a stored image: bytes, rows, and the limits on both."""
