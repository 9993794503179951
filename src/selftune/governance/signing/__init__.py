"""Sign-offs: several people, one after the other, over one bundle; and what speaks against it, each by its name.

What this room promises: a signature counts only over the very bundle, in its order, by a person's own key, from
somebody whose work it is not; what it states as a fact is worked out anew each time it is read. What is not ready says
why, by names that a program can read.

What it does not promise: that two keys are two people, or that who signs has read what they sign.
"""
