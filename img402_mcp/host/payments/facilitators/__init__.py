"""Who checks and carries out payments for us: one interface, one room for each kind."""
