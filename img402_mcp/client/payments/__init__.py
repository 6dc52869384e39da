"""From a 402 to a paid answer: what is asked, whether we may, the signature, the journal, the sending."""
