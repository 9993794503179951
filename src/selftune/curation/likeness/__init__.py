"""Who is like whom: near-duplicates, the same meaning, and questions that lie too close to an exam."""
