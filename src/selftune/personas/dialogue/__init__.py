"""A dialogue of personas: who speaks when, until the dissonance between them is resolved or a limit is reached.

It promises that a turn that was written down is never spoken again and never lost, whatever dies; that an end is always
named; and that no words of a tool or of another persona can make anything happen: what is called is decided by code.
"""
