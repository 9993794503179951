"""Experiments: what is tried and by whom, how it is screened, and those whose rule stands before they are run."""
