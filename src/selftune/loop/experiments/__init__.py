"""Experiments that are registered before they are run, and their plans."""
