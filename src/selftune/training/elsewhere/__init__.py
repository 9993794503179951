"""Training on another machine: everything that another program needs, written into one folder, and nothing run.

What is promised: each key of the recipe is carried or refused by name, and no word of a person leaves for a service
without consent. What is not: that the other program does what its documentation says. That shows when the adapter
comes back and is measured like any other.
"""
