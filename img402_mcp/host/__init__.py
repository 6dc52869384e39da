"""The host: the same API on your own machine. It imports only wire, formats and errors from outside."""
