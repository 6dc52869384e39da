"""From a 402 to a paid answer: the offer, the budget, the signature, the journal, and sending."""
