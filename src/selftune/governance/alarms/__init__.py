"""Alarms that make success suspicious: too fast, too clean, all in the same words, tried until it was green.

An alarm says that something lies outside its own history, with the figures; it never says why. Where the history is
long enough it asks for a hold, which a person lifts with a reason; where it is not, it advises. Pure functions over
series and texts: what writes a hold stands in `loop/deciding/suspicion.py`.
"""
