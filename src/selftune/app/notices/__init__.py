"""Notices: what happened while nobody looked, told once to wherever a person reads.

They promise to quote nobody, to hold no secret, and to stop nothing: a notice that can't be sent is tried again with
the next one for a week, and the work goes on. They do not promise to arrive exactly once: who dies between sending and
the note of it sends that one again.
"""
