"""The client's settings. `client_settings(environ)` in `read` reads every variable of the client; nothing else does."""
