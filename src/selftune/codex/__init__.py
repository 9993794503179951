"""The codex as a text: read strictly, told, compared, linted and written, and turned into the calls of each persona.

It promises that one text stands behind what a persona is told, what its turns are learnt under and what the judge
holds them against, and that nobody speaks for a persona whom a person plays. It runs no dialogue, keeps nothing, and
puts no codex into force; what two texts mean beside each other it can't tell.
"""
