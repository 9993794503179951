"""Train: from a Dataset and a recipe to a Run, with its adapter if it learnt anything.

What can be seen before the first step is looked at before it (`preflight.py`). A training that diverged, ran out of
time or trained nothing is a Run that says so; its weights are looked at, not its loss (`evidence.py`). Two back-ends do
the work and are tested against each other: `packed_backend.py`, one flat loop to be read from top to bottom, and
`trl_backend.py`, which everybody knows. Whether what was learnt is any good, only an evaluation can tell.
"""
