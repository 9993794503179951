"""Curate: from judged Interactions to a Dataset: what the next model learns from, and every reject with its reason.

`stage.py` in order: what measures and what is held out go first, then filters and the best answer of each prompt, then
one of each near-duplicate, then balance. Chance comes from the seed alone, and what was measured of an interaction is
kept from night to night (`notes.py`): it costs time to lose it, and nothing else.

`likeness/` finds who is like whom, `preference/` makes pairs of a better and a worse answer, `growth/` writes new
examples and checks them, `card/` and `exports/` say what a dataset is and write it for others.
"""
