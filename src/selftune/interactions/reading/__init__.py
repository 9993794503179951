"""What the formats share: from a file to entries, from an entry to an interaction."""
