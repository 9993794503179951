"""Our suites under Inspect AI, and our evaluations in its viewer; needs the extra `inspect`.

It promises equal questions, generation parameters and scorers. It does not prove what answers: that a server shows the
weights of a build is checked by our own engine alone, so no log of Inspect AI promotes a model here.
"""
