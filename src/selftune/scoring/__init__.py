"""Pure checks on text and state, shared by judges and by scorers: the same words get the same finding in both.

No model, no file, no clock: text in, findings with their reasons out. What a finding is worth, a rubric or a suite
says.
"""
