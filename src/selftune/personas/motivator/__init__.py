"""What the system asks itself in idle time (mission A6): goals, what speaks against one, which is next, and the budget.

It promises that a goal quotes nobody, says why it was picked and on which records it rests, and asks for nothing that
the codex forbids. It keeps nothing and watches nobody: that is the loop's.
"""
