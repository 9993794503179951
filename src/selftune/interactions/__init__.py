"""Capture: from logs, files and the served model to interactions."""
