"""The best system prompt and the best lessons to show: drafted from the training split, searched, left as a build."""
