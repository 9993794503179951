"""Curate: from judged interactions to a dataset."""
