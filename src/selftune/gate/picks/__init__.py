"""A person's blind picks as evidence: a bet that may be looked at after every pick, and what it still takes."""
