"""Reads a report that somebody wrote and holds its figures against each other and against the records."""
