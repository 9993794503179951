"""Evaluate: what a build does on a suite, as served."""
