"""Decide: from the Evaluations of all arms to a Decision: promote, reject, inconclusive or invalid, and why.

The policy names rules and each rule gives one check of the evidence (`rules/`); the gravest consequence of any check
decides (`weighing.py`), one sentence says so (`reasons.py`), and where the answer is not sure, `needs.py` says what
would make it so and what that takes. `planning.py` refuses, before a run, a policy that can't decide anything. What
could not be measured never promotes.

`statistics/` is pure arithmetic with its sources; `referee/` is the same honesty for two files without a project;
`picks/` weighs a person's blind choices, `ladder/` picks the simplest of several builds. No model is asked here.
"""
