"""The registry of models: what each was made of, what came of it, what it is and was called, and how it ended.

What this room promises: a model is known by the digests of its files and by its entry, so another name changes nothing;
parents are recorded and successors derived; a retirement says who, why, what the last scores were, from where the model
can be brought back and until when, or the parts that it lacks are named.

What it does not promise: that what somebody enters about a model that never was here is true.
"""
