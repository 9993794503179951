"""The night shift: when it runs, what it may spend, what serves meanwhile, and what it leaves in the morning."""
