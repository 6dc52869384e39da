"""One room for each API: `routes(host)` is its door."""
