"""How far a dialogue stands in conflict with its codex and with itself (mission A7): one score, and its parts kept.

It promises that what is not measured is None and never 0, and that nobody gets out of a conflict by saying nothing of
its own: silence, an echo and a bare "I agree" leave the last view standing. It reads English; of a dialogue in another
language it says that it measured nothing.
"""
