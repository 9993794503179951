"""What a dataset says of itself: its card in Markdown, with figures and drawings."""
