"""Which agents there are, and our entry in their configurations."""
