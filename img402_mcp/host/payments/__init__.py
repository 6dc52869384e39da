"""Payments on the payee's side: 402, proof, settlement, and what was bought."""
