"""Character cards, the form in which people pass characters on, read as proposals of a codex.

It promises that a card is read strictly and within bounds, and that everything in it stays words: what would be an
instruction to a program is shown and not taken. It writes nothing.
"""
