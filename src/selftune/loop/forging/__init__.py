"""Where the forge meets the project: gaps in the log, tools on record, and what may be called in a dialogue now.

It promises that only what this machine signed and somebody allowed is ever called, and that a call which came to
nothing says so. It does not promise that an approved tool is right: its tests are a sample.
"""
