"""What changed in a model: what it says now beside what it said before, in plain words first and figures after."""
