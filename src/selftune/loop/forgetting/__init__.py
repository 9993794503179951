"""Forgetting people: their words leave every file of a project, and what learnt from them is named and can be rebuilt.

What this room promises: whatever a project holds of the words is found by where it came from and erased; ids, ledger
and other people's records hold. A rebuild trains anew on what is left, twice, and compares the two byte by byte.

What it does not promise: that weights forget. They are named, and a rebuild takes their place once the gate says so.
Git, backups and what was exported or uploaded are out of its reach.
"""
