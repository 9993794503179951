"""What else a decision rests on: a bar that nobody moves, other seeds, simpler builds, a person's picks."""
