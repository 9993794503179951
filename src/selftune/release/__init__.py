"""Release: from a promoted Build to a Release: it serves, or what served before still does.

The intent is written first and every effect can be done twice or undone, so that the next start finishes or takes back
what a crash cut off. The new model is asked whether it is the right one and answers before anything is switched
(`health.py`). One address stays while models change behind it: a keeper (`keeper.py`, `supervisor.py`) outlives the
commands, which talk to it through `live.py`. Whether a build deserves to serve was decided before it came here.
"""
