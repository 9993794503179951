"""The persona runtime: a codex speaks, its dialogues are held, measured and kept, and idle time has goals of its own.

It promises that every turn is spoken under the codex in force, that no turn is lost or spoken twice whatever dies
between two of them, and that what was said becomes an Interaction like any other. It keeps nothing in the store by
itself (the loop does), it trains nothing, and it changes no codex: it can only propose a change to a person.
"""
