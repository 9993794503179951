"""Evaluate: from a Build and a suite to an Evaluation: what it says, as served, to every item, and what that is worth.

The server proves what it is before it is asked; every arm is asked the same items with the same seeds and limits, and
each answer is kept as it comes. Scorers in code and a judge look at answers alone, never at who gave them. An item that
could not be scored is named, and is in no mean.

`suites/` reads suites and holds the shipped ones, `writing/` writes those whose right answers are computed, `scorers/`
has the checks, `inspecting/` lends all of it to Inspect AI. Which of two arms is better is for the gate.
"""
