"""A candidate beside the champion on real requests: where it serves, what is watched of it, and how it ends.

What is promised: only a build that was evaluated, as it was evaluated, gets a share, and none that the gate rejected;
every user stays on one side; harm that is shown ends it by itself and the champion answers again, from the next request
on; what came of it goes on record and may stop a promotion. What is not: that users on both sides are alike. What
differs between them counts as if the candidate did it, so that this can't make a promotion.
"""
