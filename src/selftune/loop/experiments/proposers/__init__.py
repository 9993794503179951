"""Who says what to try next: a grid, one knob at a time, Optuna, or a model; each is checked and none is believed."""
