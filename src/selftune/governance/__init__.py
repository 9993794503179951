"""Who may say yes, who may say no, and what no one may do alone.

What this room promises: an approval counts only for the very record it names, and only from a person; five promotions
(or as many as the project says) are the most before a person looks; a concern or hold stays open until someone it does
not question has answered it; who is related to whom is said plainly.

What it does not promise: that the author of a statement is who they say. The machine key proves that a statement was
made in this project; who sat at the machine is for the operating system to know.
"""
