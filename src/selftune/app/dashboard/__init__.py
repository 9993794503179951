"""The dashboard: the project in a browser, on this machine alone. It works without JavaScript and asks nobody else.

It promises that nothing is changed by looking, that each change needs a session, its form's own token and an origin
that is ours, that words of models and people are shown and never run, and that a runner at work is not disturbed. It
does not promise to keep anybody out who may read the project folder: whoever can, can make a link for himself.
"""
