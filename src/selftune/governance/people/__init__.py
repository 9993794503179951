"""Who is who: keys of persons, which never lie in a project, and the roster, which is nothing but statements.

What this room promises: who signed is told by a key that was on the roster at that place of the record and was not
revoked from there; a new name or another role makes nobody a stranger to what they did before; no model has a role.

What it does not promise: that two keys are two people. Who adds a person vouches for that, by name, on record.
"""
