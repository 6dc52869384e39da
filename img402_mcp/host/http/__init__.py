"""The edge: what stands between the socket and the routes."""
