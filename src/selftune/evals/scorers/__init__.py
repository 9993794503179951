"""Scorers in pure code: what an answer holds against what its item expects. Their lineage is empty: no model is asked.

Each reads the JSON of `expect` strictly: a key that it does not know is an error that names the item. Each gives an
empty answer nothing, names what it found, and says of a failed answer how it failed (`selftune.scoring.failures`).
"""
