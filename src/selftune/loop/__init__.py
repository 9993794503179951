"""The cycle and what runs it."""
