"""Which codex is in force, and how it may become another one: by persons' signatures on record, and by nothing else.

What this room promises: the codex in force is worked out from the record alone, each time anew. After the first
adoption every change needs a proposal that stands on record, that the codex allows, and that a person has signed whose
key the roster knew at that place. No model's word counts, and no signature counts for a second proposal or project.

What it does not promise: to hold back who owns the account. Such a person can write another store, another key and
another codex; what they did is seen by whoever holds an older head of the ledger, and it is not prevented.
"""
