"""What happened, provably: an append-only Merkle log (RFC 6962) mirrored to files that anyone can check.

It promises that an entry that was altered, dropped, swapped or put in is found, and says where; and that the log only
grows between two checkpoints. It does not promise that entries after the last checkpoint that lies elsewhere are all
there, nor who wrote them: the machine key proves continuity, not a person.

Open `verify.py` first: it defines the format, needs only the standard library, and runs by itself
(`python -m selftune.ledger.verify PROJECT`). Nothing is imported here, so that it stays so.
"""
