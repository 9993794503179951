"""Pairs of a better and a worse answer, and how the two differ."""
