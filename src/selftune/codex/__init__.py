"""The codex as a text: read strictly, quoted by judges and rubrics, and turned into the calls of each persona.

It promises that one text stands behind what a persona is told, what its turns are learnt under and what the judge
holds them against. It runs no dialogue and changes no codex.
"""
