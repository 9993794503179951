"""The three nested loops side by side: which of them answers what, and what each noticed, did and waits for.

It decides nothing that a loop does: each loop has its own trigger in its own room, and here they are read together.
"""
