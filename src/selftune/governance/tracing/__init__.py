"""What rests on what: from a released model back to single words, and from words on to every release.

What this room promises: every id that a record holds is an edge, of records that came later than this page too; what
was erased stays as a node. Edges along which something is learnt are told from those that only look, weigh or say.

What it does not promise: that nothing else was learnt from. It knows what records say.
"""
