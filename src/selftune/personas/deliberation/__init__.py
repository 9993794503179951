"""The personas argue whether their codex should be changed, and one of them writes down what they propose.

What this room promises: every turn is written down before its step is, so a kill loses none and doubles none; what was
found in memory is shown as data; what the model writes is taken only in one strict form, and then changes one place.

What it does not promise: that they argue well. It decides nothing: what comes of it is a proposal, which the codex may
forbid and a person signs or not.
"""
