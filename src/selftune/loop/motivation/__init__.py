"""The motivator at work: it waits for idleness, takes one goal at a time, holds its dialogue and stops when one comes.

It promises that a goal is written down before anything is said about it, with its reason and the records that it rests
on; that no number is given twice and no budget is refilled by a restart; and that a person who comes is not kept
waiting by a dialogue that nobody asked for.
"""
