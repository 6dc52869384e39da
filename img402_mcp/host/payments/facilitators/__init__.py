"""Facilitators check and settle payments for us: one interface, one file for each kind."""
