"""Where base models come from: each source puts a Hugging Face folder in place and says where it is from.

A base is added once, pinned by digest, and refused when a file changes afterwards (`registry.py`). Nothing is fetched
unless the user says so; headers are read with limits, and no pickle is opened. `reference/` makes the small model that
tests and the demo learn on.
"""
