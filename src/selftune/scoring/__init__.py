"""Pure checks on text and state, shared by judges and by scorers."""
