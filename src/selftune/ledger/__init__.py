"""What happened, provably: an append-only Merkle log that an outsider can verify with the standard library alone."""
