"""Build: from a run or a base to something that can be served."""
